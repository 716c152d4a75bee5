import { expect, test } from "bun:test";
import fc from "fast-check";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { REAL_CLOCK } from "./clock.ts";
import { atRate, inRecordedTime, type Pace, unpaced } from "./pace.ts";
import { type Player, play } from "./play.ts";
import type { TopicRecord } from "./record.ts";
import { BATCH_RECORDS_MAX } from "./sender.ts";

interface Sent {
  readonly value: string;
  readonly atMs: number;
}

/** Time passes only when nothing else is left to do. */
class SimulatedClock {
  #nowMs = 5_000;
  readonly #waiting: { readonly timeMs: number; readonly resolve: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  async waitUntil(timeMs: number): Promise<void> {
    if (timeMs <= this.#nowMs) return;
    await new Promise<void>((resolve) => this.#waiting.push({ timeMs, resolve }));
  }

  async runUntil(ended: Promise<unknown>): Promise<void> {
    let isEnded = false;
    const end = () => {
      isEnded = true;
    };
    void ended.then(end, end);
    while (!isEnded) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#waiting.sort((a, b) => a.timeMs - b.timeMs);
      const next = this.#waiting.shift();
      if (next === undefined) continue;
      this.#nowMs = next.timeMs;
      next.resolve();
    }
  }
}

/** Plays in simulated time, in which sending takes `sendMs`, and tells what was sent when. */
async function simulate(
  records: readonly TopicRecord[],
  pace: Pace,
  options: Partial<Player> & { readonly sendMs?: number } = {},
): Promise<{ readonly sent: Sent[]; readonly batches: number; readonly count: number }> {
  const clock = new SimulatedClock();
  const startMs = clock.nowMs();
  const sent: Sent[] = [];
  let batches = 0;
  const playing = play({
    async *open() {
      yield* records;
    },
    pace,
    clock,
    send: async (batch) => {
      batches++;
      for (const { value } of batch) sent.push({ value, atMs: clock.nowMs() - startMs });
      await clock.waitUntil(clock.nowMs() + (options.sendMs ?? 0));
    },
    loop: false,
    limit: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    ...options,
  });
  await clock.runUntil(playing);
  return { sent, batches, count: await playing };
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

test("without a pace, records go in batches of a bounded size, however slow the broker is", async () => {
  const sizes: number[] = [];
  const send = async (batch: readonly TopicRecord[]) => {
    sizes.push(batch.length);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await simulate(numbered(4500), unpaced(), { send });
  expect(Math.max(...sizes)).toBe(BATCH_RECORDS_MAX);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(4500);
  expect(sizes.length).toBeLessThan(8);
  sizes.length = 0;
  const large = numbered(10).map((record) => ({ ...record, value: "x".repeat(300_000) }));
  await simulate(large, unpaced(), { send });
  expect(Math.max(...sizes)).toBe(2);
});

test("a record is sent although the next one does not come", async () => {
  const next = Promise.withResolvers<void>();
  const { sent, count } = await simulate([], unpaced(), {
    async *open() {
      yield { key: null, value: "first" };
      await next.promise;
      yield { key: null, value: "second" };
    },
    send: async ([record]) => {
      if (record?.value === "first") next.resolve();
    },
  });
  expect([sent.length, count]).toEqual([0, 2]);
});

test("what was read before a bad line is sent", async () => {
  const values: string[] = [];
  const playing = simulate([], unpaced(), {
    async *open() {
      yield* numbered(3);
      throw new Error("line 4");
    },
    send: async (batch) => void values.push(...batch.map(({ value }) => value)),
  });
  expect(await rejectionOf(playing)).toMatchObject({ message: expect.stringContaining("line 4") });
  expect(values).toEqual(["0", "1", "2"]);
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
  const sent: string[] = [];
  const count = await play({
    async *open() {
      yield* numbered(10, 3_600_000);
    },
    pace: inRecordedTime(1),
    clock: REAL_CLOCK,
    send: async (batch) => {
      sent.push(...batch.map(({ value }) => value));
      ending.abort();
    },
    loop: false,
    limit: 10,
    signal: ending.signal,
  });
  expect([sent, count]).toEqual([["0"], 1]);
});

test("an error of the broker ends it, also while it waits for a time far away", async () => {
  const waiting = play({
    async *open() {
      yield* numbered(3, 3_600_000);
    },
    pace: inRecordedTime(1),
    clock: REAL_CLOCK,
    send: () => Promise.reject(new Error("broker is gone")),
    loop: false,
    limit: 10,
    signal: new AbortController().signal,
  });
  expect(await rejectionOf(waiting)).toMatchObject({ message: expect.stringContaining("broker is gone") });
  const failing = simulate(numbered(3), unpaced(), {
    send: () => Promise.reject(new Error("broker is gone")),
  });
  expect(await rejectionOf(failing)).toMatchObject({ message: expect.stringContaining("broker is gone") });
});
