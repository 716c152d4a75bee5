import { expect, test } from "bun:test";
import { Assembler } from "./assemble.ts";
import { simulate } from "./simulation.ts";

/** `SHARDCAST_SIMULATION_SEED=123 bun test simulation.test` replays one run; `…_SEEDS=100000` runs more of them. */
const SEED = process.env["SHARDCAST_SIMULATION_SEED"];
const SEEDS = Number(process.env["SHARDCAST_SIMULATION_SEEDS"] ?? 4_000);
const first = SEED === undefined ? 1 : Number(SEED);
const count = SEED === undefined ? SEEDS : 1;

test(
  `every hub gets each publication once, in order, none missing (${count} seeds)`,
  async () => {
    const seen = new Map<string, number>();
    for (let seed = first; seed < first + count; seed++) {
      const { failure, stats } = await simulate(seed, (options) => new Assembler(options));
      if (failure !== undefined) throw new Error(`seed ${seed}: ${failure}`);
      for (const one of stats) tally(seen, "", one);
    }
    if (SEED !== undefined) return;
    // A simulation that never comes to a rule proves nothing about it.
    for (const name of [
      "repeats",
      "distrusted",
      "outdated",
      "holes",
      "healed",
      "repairs",
      "logUnavailable",
      "logUnreadable",
      "forwardEntries.overdue",
      "forwardEntries.repairs",
      "forwardEntries.contradiction",
      "forwardEntries.truncated",
      "forwardEntries.leader",
      "forwardExits",
      "heldDropped",
      "gaps.retention",
      "gaps.truncated",
      "gaps.unreadable",
      "gaps.gone",
      "discoveries",
      "discoveriesFailed",
    ]) {
      expect([name, seen.get(name) ?? 0]).not.toEqual([name, 0]);
    }
  },
  { timeout: 600_000 },
);

test("the same seed is the same run", async () => {
  const run = () => simulate(7, (options) => new Assembler(options));
  expect(await run()).toEqual(await run());
});

function tally(seen: Map<string, number>, prefix: string, numbers: object): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value === "number") seen.set(prefix + name, (seen.get(prefix + name) ?? 0) + value);
    else tally(seen, `${prefix}${name}.`, value);
  }
}
