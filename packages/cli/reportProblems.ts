import { formatProblems, type Problem } from "@shardcast/server/config/problem";
import type { CommandContext } from "./command.ts";

/** Tells all that is wrong with the settings, on stderr. */
export async function reportProblems(
  problems: readonly Problem[],
  { stderr, paint }: Pick<CommandContext, "stderr" | "paint">,
): Promise<void> {
  await stderr.write(`${paint.stderr.red("shardcast:")} ${formatProblems(problems)}\n`);
}
