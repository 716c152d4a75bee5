// What the scripts of this project answer to a slip of the pen: as its command line does.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { finished } from "./services/finished.ts";

const ROOT = join(import.meta.dir, "..");

async function run(script: string, words: readonly string[]) {
  const child = Bun.spawn([process.execPath, join(ROOT, script), ...words], {
    stdout: "pipe",
    stderr: "pipe",
  });
  return await finished(child);
}

const BENCH = "npm run bench -- [bench] [flags]";

test.each([
  [
    "bench/main.ts",
    ["fanout", "--unknown"],
    "--unknown: there is no such flag",
    "--help lists all flags.",
    BENCH,
  ],
  [
    "bench/main.ts",
    ["soak", "--minuts=5"],
    "--minuts: there is no such flag",
    "Did you mean --minutes?",
    BENCH,
  ],
  ["bench/main.ts", ["--sceonds", "5"], "--sceonds: there is no such flag", "Did you mean --seconds?", BENCH],
  ["bench/main.ts", ["latency", "--clients", "5"], "--clients: there is no such flag", "--help lists", BENCH],
  ["bench/main.ts", ["slow", "--rounds"], "--rounds: needs a value", "Write --rounds <value>", BENCH],
  ["bench/main.ts", ["saok"], "saok: there is no such bench", "Did you mean soak?", BENCH],
  [
    "bench/main.ts",
    ["everything"],
    "everything: there is no such bench",
    "There are fanout, latency,",
    BENCH,
  ],
  [
    "scripts/kafka.ts",
    ["--prot", "1"],
    "--prot: there is no such flag",
    "Did you mean --port?",
    "[--port N]",
  ],
  ["scripts/composeDown.ts", ["nats"], "nats: belongs to no flag", "Remove it", "[--delete]"],
  [
    "scripts/composeTest.ts",
    ["--keeep"],
    "--keeep: there is no such flag",
    "Did you mean --keep?",
    "[--keep]",
  ],
])("%s %j: %s → %s", async (script, words, fault, advice, usage) => {
  const { exitCode, stdout, stderr } = await run(script, words);
  expect([exitCode, stdout]).toEqual([2, ""]);
  const [count, first, second, , ...rest] = stderr.split("\n");
  expect(count).toBe("1 problem with the settings:");
  expect(first).toBe(`  ${fault}`);
  expect(second).toStartWith(`    → ${advice}`);
  expect(rest.join("\n")).toContain(usage);
});

test.each(["bench/main.ts", "scripts/kafka.ts", "scripts/composeDown.ts", "scripts/chaos.ts"])(
  "%s --help says what it takes, and does nothing",
  async (script) => {
    const { exitCode, stdout, stderr } = await run(script, ["--help"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toStartWith("npm run ");
  },
);
