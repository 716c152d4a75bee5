import { expect, test } from "bun:test";
import fc from "fast-check";
import { REAL_CLOCK } from "./clock.ts";
import { atRate, inRecordedTime, type Pace, unpaced } from "./pace.ts";
import { type Player, play } from "./play.ts";
import type { TopicRecord } from "./record.ts";

interface Sent {
  readonly value: string;
  readonly atMs: number;
}

/** Plays in simulated time, in which sending takes `sendMs`, and tells what was sent when. */
async function simulate(
  records: readonly TopicRecord[],
  pace: Pace,
  options: Partial<Player> & { readonly sendMs?: number } = {},
): Promise<{ readonly sent: Sent[]; readonly batches: number; readonly count: number }> {
  let nowMs = 5_000;
  const startMs = nowMs;
  const sent: Sent[] = [];
  let batches = 0;
  const count = await play({
    async *open() {
      yield* records;
    },
    pace,
    clock: {
      nowMs: () => nowMs,
      waitUntil: async (timeMs) => {
        nowMs = Math.max(nowMs, timeMs);
      },
    },
    send: async (batch) => {
      batches++;
      for (const { value } of batch) sent.push({ value, atMs: nowMs - startMs });
      nowMs += options.sendMs ?? 0;
    },
    loop: false,
    limit: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    ...options,
  });
  return { sent, batches, count };
}

function numbered(count: number, stepMs = 0): TopicRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: null,
    value: String(index),
    timestampMs: index * stepMs,
  }));
}

test("at a rate, each record is sent when it is due", async () => {
  const { sent, count } = await simulate(numbered(4), atRate(10));
  expect(sent.map(({ atMs }) => atMs)).toEqual([0, 100, 200, 300]);
  expect(count).toBe(4);
});

test("in recorded time, gaps are kept, divided by the speed", async () => {
  const { sent } = await simulate(numbered(3, 60_000), inRecordedTime(60));
  expect(sent.map(({ atMs }) => atMs)).toEqual([0, 1000, 2000]);
});

test("a record that was recorded before its predecessor keeps its place", async () => {
  const times = [1000, 3000, 2000, 4000];
  const records = times.map(
    (timestampMs): TopicRecord => ({ key: null, value: String(timestampMs), timestampMs }),
  );
  const { sent } = await simulate(records, inRecordedTime(1));
  expect(sent).toEqual([
    { value: "1000", atMs: 0 },
    { value: "3000", atMs: 2000 },
    { value: "2000", atMs: 2000 },
    { value: "4000", atMs: 3000 },
  ]);
});

test("a loop in recorded time goes on where the round before ended", async () => {
  const { sent } = await simulate(numbered(3, 100), inRecordedTime(1), { loop: true, limit: 7 });
  expect(sent.map(({ atMs }) => atMs)).toEqual([0, 100, 200, 200, 300, 400, 400]);
});

test("a slow broker makes batches larger, and the rate is caught up", async () => {
  const { sent, batches } = await simulate(numbered(100), atRate(1000), { sendMs: 10 });
  expect(sent).toHaveLength(100);
  expect(batches).toBeLessThan(15);
  expect(sent.at(-1)?.atMs).toBeLessThan(115);
});

test("without a pace, records go in batches of a bounded size", async () => {
  const { batches } = await simulate(numbered(2500), unpaced());
  expect(batches).toBe(3);
  const large = numbered(10).map((record) => ({ ...record, value: "x".repeat(300_000) }));
  expect((await simulate(large, unpaced())).batches).toBe(5);
});

test("an empty file ends, also in a loop", async () => {
  expect((await simulate([], unpaced(), { loop: true })).count).toBe(0);
});

test("every record is sent once, in order, up to the limit", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(
        unpaced,
        () => atRate(100),
        () => inRecordedTime(3),
      ),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 1, max: 150 }),
      fc.boolean(),
      async (times, newPace, sendMs, limit, loop) => {
        const records = times.map(
          (timestampMs, index): TopicRecord => ({ key: null, value: `${index}`, timestampMs }),
        );
        const { sent, count } = await simulate(records, newPace(), { sendMs, limit, loop });
        const expected = loop ? limit : Math.min(limit, times.length);
        expect(count).toBe(expected);
        expect(sent.map(({ value }) => value)).toEqual(
          Array.from({ length: expected }, (_, index) => `${index % times.length}`),
        );
        expect(sent.every(({ atMs }, index) => atMs >= (sent[index - 1]?.atMs ?? 0))).toBe(true);
      },
    ),
  );
});

test("ending while it waits sends what was due before, and nothing after", async () => {
  const ending = new AbortController();
  const records = numbered(10, 3_600_000);
  const { sent, count } = await simulate(records, inRecordedTime(1), {
    signal: ending.signal,
    clock: {
      nowMs: () => REAL_CLOCK.nowMs(),
      waitUntil: async (timeMs, signal) => {
        queueMicrotask(() => ending.abort());
        await REAL_CLOCK.waitUntil(timeMs, signal);
      },
    },
  });
  expect([sent.length, count]).toEqual([1, 1]);
});

test("an error of the broker ends it", async () => {
  const failing = simulate(numbered(3), unpaced(), {
    send: () => Promise.reject(new Error("broker is gone")),
  });
  expect(failing).rejects.toThrow("broker is gone");
});
