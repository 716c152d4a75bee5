import { type Setting, variableOf } from "../../../packages/server/config/setting.ts";
import { SETTINGS } from "../../../packages/server/config/settings.ts";

export const SHARDCAST_SETTINGS: readonly Setting[] = Object.values(SETTINGS);

/** How Shardcast takes a setting from a file: by its own variable, or by the one that ends in `_FILE`. */
export function fileVariable(name: string): string | undefined {
  const setting = SHARDCAST_SETTINGS.find((one) => one.name === name);
  if (setting === undefined) return undefined;
  if (setting.secret !== undefined) return `${variableOf(setting)}_FILE`;
  return setting.kind.file === undefined ? undefined : variableOf(setting);
}
