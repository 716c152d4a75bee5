import { usageFailure } from "./command.ts";

/** For commands that take flags alone. */
export function refuseWords(name: string, [word]: readonly string[]): void {
  if (word === undefined) return;
  const advice = `Remove it, or write the flag that it belongs to in front: shardcast ${name} --help lists them.`;
  throw usageFailure(`${word} belongs to no flag`, advice);
}
