import type { Origin } from "./problem.ts";
import type { ResolvedValues } from "./resolveValues.ts";
import { HIDDEN, redactUrl } from "./secrets.ts";
import type { Group, Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** One setting as it holds now, fit to be printed. */
export interface EffectiveSetting {
  readonly name: string;
  readonly group: Group;
  /** Absent where it is not set. Secrets are hidden; of files that were read, the path. */
  readonly value?: unknown;
  /** Whether `value` is not what was set, because that must not be printed. */
  readonly isHidden: boolean;
  readonly origin: Origin;
}

export function effectiveSettings(
  values: ResolvedValues,
  origins: Readonly<Record<string, Origin>>,
  paths: ReadonlyMap<string, string>,
): EffectiveSetting[] {
  return (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).map((key) => {
    const setting: Setting = SETTINGS[key];
    const origin = origins[key] ?? { kind: "default", name: setting.name };
    const { group } = setting;
    const path = paths.get(key);
    // Of a secret that was read from a file, the file is named.
    if (setting.secret !== undefined && path !== undefined)
      return { name: `${setting.name}-file`, group, value: path, isHidden: false, origin };
    const value = shown(setting, values[key], path);
    const isHidden = setting.secret !== undefined && value !== values[key];
    return { name: setting.name, group, ...(value !== undefined && { value }), isHidden, origin };
  });
}

function shown(setting: Setting, value: unknown, path: string | undefined): unknown {
  if (value === undefined) return undefined;
  if (setting.secret === "whole") return HIDDEN;
  if (setting.secret === "url") return redactUrl(String(value));
  return setting.kind.file === "contents" ? path : value;
}
