import { COMMANDS } from "../../packages/cli/commands.ts";
import { withSecretFile } from "../../packages/server/config/readSettings.ts";
import { SETTINGS } from "../../packages/server/config/settings.ts";

/** Every flag of every command, with the form that turns a switch off. */
export async function knownFlags(): Promise<ReadonlySet<string>> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const tables = [SETTINGS, ...commands.map(({ settings }) => settings)];
  const names = tables
    .flatMap((table) => Object.values(table).flatMap(withSecretFile))
    .map(({ name }) => name);
  return new Set([...names, "help", "version"].flatMap((name) => [`--${name}`, `--no-${name}`]));
}

/**
 * Flags that a page names as Shardcast's own: in inline code that begins with one, and behind a command of `shardcast`. Those
 * of other programs stand with their program's name.
 */
export function flagsNamed(text: string): string[] {
  const whole = text.replaceAll(/\\\n\s*/g, " ");
  const inline = [...whole.matchAll(/`(--[^`\n]+)`/g)].map(([, code = ""]) => code);
  const commands = [...whole.matchAll(/shardcast (?:-- )?[a-z][\w-]+ ([^`\n|]*)/g)].map(
    ([, rest = ""]) => rest,
  );
  const codes = [...inline, ...commands.map((rest) => rest.replace(/\s#.*$/, ""))];
  return codes.flatMap((code) =>
    [...code.matchAll(/(?:^|\s)(--[a-z][a-z-]*[a-z])(?![\w*-])/g)].map(([, flag = ""]) => flag),
  );
}
