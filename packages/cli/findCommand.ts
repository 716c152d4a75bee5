import { didYouMean } from "@shardcast/server/config/didYouMean";
import { type Command, usageFailure } from "./command.ts";
import { COMMANDS } from "./commands.ts";

export interface FoundCommand {
  readonly load: () => Promise<Command>;
  /** What follows its name. */
  readonly argv: readonly string[];
}

/** The command that a command line begins with; its name may be of two words. Throws where there is none. */
export function findCommand(words: readonly string[]): FoundCommand {
  const [first = "", second = ""] = words;
  const both = commandNamed(`${first} ${second}`);
  if (both !== undefined) return { load: both, argv: words.slice(2) };
  const one = commandNamed(first);
  if (one === undefined) throw unknownCommand(first);
  const parts = Object.keys(COMMANDS).filter((name) => name.startsWith(`${first} `));
  if (parts.length > 0 && second !== "" && !second.startsWith("-")) {
    const meant = didYouMean(`${first} ${second}`, parts);
    const advice =
      meant === undefined ? `There is ${parts.join(", ")}, and ${first} alone.` : `Did you mean ${meant}?`;
    throw usageFailure(`there is no ${JSON.stringify(second)} of ${first}`, advice);
  }
  return { load: one, argv: words.slice(1) };
}

function commandNamed(name: string): FoundCommand["load"] | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
}

function unknownCommand(written: string) {
  if (!written.startsWith("-")) {
    const similar = didYouMean(written, Object.keys(COMMANDS));
    const advice =
      similar === undefined ? "shardcast --help lists all commands." : `Did you mean ${similar}?`;
    return usageFailure(`there is no command ${JSON.stringify(written)}`, advice);
  }
  const similar = didYouMean(written, ["--help", "--version"]);
  const advice =
    similar === undefined
      ? "Flags follow the command: shardcast <command> [flags]. shardcast --help lists the commands."
      : `Did you mean ${similar}?`;
  return usageFailure(`there is no flag ${written} before a command`, advice);
}
