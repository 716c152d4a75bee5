import { composeConfig } from "./config/compose.ts";
import { contradictions } from "./config/contradictions.ts";
import { type EffectiveSetting, effectiveSettings } from "./config/effective.ts";
import { type Machine, thisMachine } from "./config/environment.ts";
import { type Origin, type Problem, problemAt } from "./config/problem.ts";
import { readSettings, type SettingInputs } from "./config/readSettings.ts";
import { resolveValues } from "./config/resolveValues.ts";
import { SETTINGS } from "./config/settings.ts";
import type { Config } from "./config/shape.ts";

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Setting by its flag's name → where its value came from. */
      readonly sources: Readonly<Record<string, Origin>>;
      /** Every setting as it holds now, without secrets. */
      readonly effective: readonly EffectiveSetting[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads all settings: flags before variables before the config file before defaults. Everything that is unknown,
 * wrong or contradictory comes back as one list, so that it can be mended in one go.
 */
export function loadConfig(inputs: SettingInputs & { readonly machine?: Machine }): LoadedConfig {
  const read = readSettings(SETTINGS, inputs);
  const { values, origins, paths } = read;
  const problems = [...read.problems, ...read.positionals.map(unexpectedArgument), ...contradictions(read)];
  if (problems.length > 0) return { ok: false, problems };
  const resolved = resolveValues(values, inputs.machine ?? thisMachine());
  const effective = effectiveSettings(resolved, origins, paths);
  const sources = Object.fromEntries(effective.map(({ name, origin }) => [name, origin]));
  return { ok: true, config: composeConfig(resolved), sources, effective };
}

function unexpectedArgument(argument: string): Problem {
  const origin = { kind: "flag", name: argument } as const;
  return problemAt(origin, "belongs to no flag", "Remove it, or write the flag that it belongs to in front.");
}
