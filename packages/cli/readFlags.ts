import { formatProblems, type Problem } from "@shardcast/server/config/problem";
import { type ReadSettings, readSettings, type SettingTable } from "@shardcast/server/config/readSettings";
import { type CommandContext, CommandFailure, EXIT, usageFailure } from "./command.ts";

/** Reads what a command was given. Throws where something is wrong with it. */
export function readFlags<S extends SettingTable>(
  table: S,
  context: CommandContext,
  alsoKnown: SettingTable = {},
): ReadSettings<S> {
  const read = readSettings(table, context, alsoKnown);
  if (read.problems.length > 0) throw settingsFailure(read.problems);
  return read;
}

/** The same for a command that takes flags alone. */
export function readFlagsAlone<S extends SettingTable>(
  name: string,
  table: S,
  context: CommandContext,
): ReadSettings<S>["values"] {
  const { values, positionals } = readFlags(table, context);
  refuseWords(name, positionals);
  return values;
}

export function refuseWords(name: string, [word]: readonly string[]): void {
  if (word === undefined) return;
  const advice = `Remove it, or write the flag that it belongs to in front: shardcast ${name} --help lists them.`;
  throw usageFailure(`${word === "" ? "an empty word" : word} belongs to no flag`, advice);
}

/** All that is wrong with the settings, so that it can be mended in one go. */
export function settingsFailure(problems: readonly Problem[], advice?: string): CommandFailure {
  return new CommandFailure(formatProblems(problems), {
    exitCode: EXIT.usage,
    ...(advice !== undefined && { advice }),
  });
}
