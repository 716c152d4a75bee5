import { type ParseArgsConfig, parseArgs } from "node:util";
import { didYouMean } from "@shardcast/server/config/didYouMean";
import { parseFlags } from "@shardcast/server/config/flags";
import { formatProblems, type Problem, problemAt } from "@shardcast/server/config/problem";

/**
 * The flags of a script. `--help` is answered with its usage, and a slip of the pen with what is wrong, what to do, and the
 * usage: as the command line does, and not with a stack.
 */
export function scriptFlags<T extends ParseArgsConfig>(usage: string, config: T) {
  if (process.argv.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  const problems = problemsOf(process.argv.slice(2), config);
  if (problems.length === 0) return parseArgs(config);
  refuse(problems, usage);
}

/** The one of `names` that a script is called with, undefined where it is called with none, or with flags alone. */
export function scriptName<N extends string>(
  usage: string,
  what: string,
  names: readonly N[],
): N | undefined {
  const [written] = process.argv.slice(2);
  if (written === undefined || written.startsWith("-")) return undefined;
  const named = names.find((name) => name === written);
  if (named !== undefined) return named;
  const similar = didYouMean(written, names);
  const advice = similar === undefined ? `There are ${names.join(", ")}.` : `Did you mean ${similar}?`;
  refuse([problemAt({ kind: "flag", name: written }, `there is no such ${what}`, advice)], usage);
}

function problemsOf(
  argv: readonly string[],
  { options = {}, allowPositionals = false }: ParseArgsConfig,
): Problem[] {
  const shapes = Object.entries(options).map(([name, { type, multiple = false }]) => ({
    name,
    isSwitch: type === "boolean",
    repeatable: multiple,
  }));
  const { problems, positionals } = parseFlags(argv, [...shapes, HELP]);
  if (allowPositionals) return [...problems];
  const advice = "Remove it, or write the flag that it belongs to in front.";
  const unexpected = positionals.map((name) =>
    problemAt({ kind: "flag", name }, "belongs to no flag", advice),
  );
  return [...problems, ...unexpected];
}

const HELP = { name: "help", isSwitch: true, repeatable: true } as const;

function refuse(problems: readonly Problem[], usage: string): never {
  console.error(`${formatProblems(problems)}\n\n${usage}`);
  process.exit(2);
}
