import { expect, test } from "bun:test";
import type { RangeFrame } from "../bus/frame.ts";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import { Assembler } from "./assemble.ts";
import { rangeFrame } from "./assembleFixture.ts";
import { SimulationClock } from "./simulationClock.ts";

/** An assembler over a log of one stream whose records have leader epochs: `leaders` by offset. */
function fixture() {
  const clock = new SimulationClock();
  const log = { leaders: new Array<number>(100).fill(0), reads: 0 };
  const seen: string[] = [];
  const read = async ({ after, epoch, through }: RangeRequest): Promise<RangeResult> => {
    log.reads++;
    const { leaders } = log;
    if (epoch !== undefined && leaders[after] !== epoch) {
      const parted = leaders.findIndex((leader) => leader > epoch);
      return { kind: "truncated", next: parted < 0 ? leaders.length : parted };
    }
    const end = Math.min(through, leaders.length - 1);
    return {
      kind: "read",
      publications: rangeFrame(after, end).publications,
      through: end,
      epoch: leaders[end],
    };
  };
  const assembler = new Assembler({
    log: { read },
    deliver: (_id, publications) => seen.push(`${publications[0]?.offset}-${publications.at(-1)?.offset}`),
    gap: (_id, after, through, reason) => seen.push(`gap ${after} ${through} ${reason}`),
    forget: () => undefined,
    discover: async () => undefined,
    schedule: (delayMs, fn) => clock.schedule(delayMs, fn),
    now: () => clock.nowMs,
    random: () => 0.5,
  });
  void assembler.open("s", 0);
  const frame = (after: number, through: number, epoch: number): RangeFrame => ({
    ...rangeFrame(after, through),
    epoch,
  });
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = clock.nowMs + ms; clock.nowMs < endMs; clock.step()) {
      for (let turn = 0; turn < 10; turn++) await undefined;
    }
  };
  assembler.onFrame(frame(-1, 99, 0));
  seen.length = 0;
  return { assembler, log, seen, frame, pass };
}

test("a log that lost its end and grew beyond it again is a gap, and delivered from where it parted", async () => {
  const { assembler, log, seen, frame, pass } = fixture();
  log.leaders = [...log.leaders.slice(0, 50), ...new Array<number>(71).fill(1)];
  // By its offsets this is a repeat.
  assembler.onFrame(frame(49, 80, 1));
  assembler.onFrame(frame(80, 120, 1));
  await pass(5_000);
  expect(seen).toEqual(["gap 99 49 truncated", "50-120"]);
  expect(assembler.epoch("s")).toBe(1);
});

test("the same where the first frame of the new leader fits exactly behind what was delivered", async () => {
  const { assembler, log, seen, frame, pass } = fixture();
  log.leaders = [...log.leaders.slice(0, 50), ...new Array<number>(71).fill(1)];
  assembler.onFrame(frame(99, 120, 1));
  await pass(5_000);
  expect(seen).toEqual(["gap 99 49 truncated", "50-120"]);
});

test("a new leader that has all of the log costs one look at it, and nothing else", async () => {
  const { assembler, log, seen, frame, pass } = fixture();
  log.leaders = [...log.leaders, ...new Array<number>(21).fill(1)];
  assembler.onFrame(frame(99, 110, 1));
  await pass(10);
  assembler.onFrame(frame(110, 120, 1));
  await pass(1_000);
  expect(seen.join(" ")).toMatch(/^100-1[12]0( 111-120)?$/);
  expect(assembler.stats.gaps.truncated).toBe(0);
  expect(assembler.stats.forwardEntries.leader).toBe(1);
});

test("a late frame of what the log has lost is dropped", async () => {
  const { assembler, log, seen, frame, pass } = fixture();
  log.leaders = [...log.leaders, 1];
  assembler.onFrame(frame(99, 100, 1));
  await pass(1_000);
  seen.length = 0;
  assembler.onFrame(frame(99, 105, 0));
  expect(seen).toEqual([]);
  expect(assembler.stats.outdated).toBe(1);
});

test("what was held of the lost end is dropped when the log tells of another leader", async () => {
  const { assembler, log, seen, frame, pass } = fixture();
  assembler.onFrame(frame(105, 110, 0));
  log.leaders = [...log.leaders, ...new Array<number>(11).fill(1)];
  await pass(5_000);
  expect(seen).toEqual(["100-105", "106-110"]);
  expect(assembler.stats.outdated).toBe(1);
  expect(assembler.heldBytes).toBe(0);
});
