import { expect, test } from "bun:test";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import { BoundedReads, RESUME_READS } from "./boundedReads.ts";
import { NearbyReads } from "./nearbyReads.ts";

function request(after: number, signal?: AbortSignal): RangeRequest {
  const range = { streamId: "s", after, through: after + 9, bytesMax: 100 };
  return signal === undefined ? range : { ...range, signal };
}

/** A log that answers when it is told to. */
function fixture(limits = { atOnceMax: 2, waitingMax: 3 }) {
  const asked: RangeRequest[] = [];
  const answers: (() => void)[] = [];
  const reads = new BoundedReads(
    {
      read: (range) => {
        asked.push(range);
        return new Promise<RangeResult>((resolve) => {
          answers.push(() => resolve({ kind: "read", publications: [], through: range.through }));
        });
      },
    },
    limits,
  );
  return { reads, asked, answer: () => answers.shift()?.() };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await undefined;
}

test("reads wait for their turn, and are done in the order asked", async () => {
  const { reads, asked, answer } = fixture();
  const all = [0, 10, 20, 30].map((after) => reads.read(request(after)));
  expect([asked.length, reads.active, reads.waiting]).toEqual([2, 2, 2]);
  for (let i = 0; i < 4; i++) {
    answer();
    await turns();
    expect(reads.active).toBeLessThanOrEqual(2);
  }
  await Promise.all(all);
  expect(asked.map(({ after }) => after)).toEqual([0, 10, 20, 30]);
  expect(asked.every(({ purpose }) => purpose === "resume")).toBe(true);
  expect([reads.active, reads.waiting]).toEqual([0, 0]);
});

test("beyond the limit a read is refused and counted", async () => {
  const { reads } = fixture();
  for (let i = 0; i < 5; i++) void reads.read(request(i));
  expect(await rejectionOf(reads.read(request(9)))).toMatchObject({ code: "log_unavailable" });
  expect(reads.refused).toBe(1);
});

test("who gives up while waiting leaves its place, and the log is not asked", async () => {
  const { reads, asked, answer } = fixture();
  const abort = new AbortController();
  void reads.read(request(0));
  void reads.read(request(10));
  const given = reads.read(request(20, abort.signal));
  void reads.read(request(30));
  abort.abort(new Error("gone"));
  expect(await rejectionOf(given)).toMatchObject({ message: expect.stringContaining("gone") });
  expect(reads.waiting).toBe(1);
  answer();
  await turns();
  expect(asked.map(({ after }) => after)).toEqual([0, 10, 30]);
});

test("a failure gives its place on", async () => {
  let calls = 0;
  const reads = new BoundedReads(
    {
      read: async ({ through }): Promise<RangeResult> => {
        if (calls++ === 0) throw new Error("no");
        return { kind: "read", publications: [], through };
      },
    },
    { atOnceMax: 1, waitingMax: 1 },
  );
  const settled = await Promise.allSettled([reads.read(request(0)), reads.read(request(10))]);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  expect(reads.active).toBe(0);
});

test("a storm of resumes at different positions reads the log a few at a time, and nearby ones once", async () => {
  let active = 0;
  let most = 0;
  let reads = 0;
  const log = {
    read: async ({ through }: RangeRequest): Promise<RangeResult> => {
      reads++;
      most = Math.max(most, ++active);
      await new Promise((resolve) => setImmediate(resolve));
      active--;
      return { kind: "read", publications: [], through };
    },
  };
  const nearby = new NearbyReads(new BoundedReads(log));
  const results = await Promise.all(
    Array.from({ length: 2_000 }, (_, i) =>
      nearby.read({ streamId: "s", after: 1_000 + i, through: 9_999, bytesMax: 262_144 }),
    ),
  );
  expect(results.every((result) => result.kind === "read" && result.through === 9_999)).toBe(true);
  expect(most).toBeLessThanOrEqual(RESUME_READS.atOnceMax);
  expect(reads).toBeLessThan(20);
});
