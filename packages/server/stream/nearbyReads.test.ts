import { expect, test } from "bun:test";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import { NearbyReads } from "./nearbyReads.ts";

/** A log of records of `recordBytes`, without what retention has taken. */
function fixture({ recordBytes = 1, earliest = 0, next = 10_000 } = {}) {
  const asked: string[] = [];
  const reads = new NearbyReads({
    read: async ({ after, through, bytesMax }: RangeRequest): Promise<RangeResult> => {
      asked.push(`${after}-${through}`);
      if (after >= next) return { kind: "truncated", next };
      if (after + 1 < earliest) return { kind: "lost", through: earliest - 1, reason: "retention" };
      const end = Math.min(through, next - 1, after + Math.ceil(bytesMax / recordBytes));
      const publications = Array.from({ length: end - after }, (_, i) => ({
        offset: after + 1 + i,
        timestampMs: 0,
        channel: "c",
        envelope: new Uint8Array(recordBytes),
      }));
      return { kind: "read", publications, through: end };
    },
  });
  return { reads, asked };
}

function offsets(result: RangeResult): readonly number[] {
  if (result.kind !== "read") throw new Error(result.kind);
  return result.publications.map(({ offset }) => offset);
}

test("each gets exactly what it asked for of a read that they share", async () => {
  const { reads, asked } = fixture();
  const results = await Promise.all(
    [5, 7, 9].map((after) => reads.read({ streamId: "s", after, through: 12, bytesMax: 1_000 })),
  );
  expect(asked).toEqual(["-1-127"]);
  expect(results.map(offsets)).toEqual([
    [6, 7, 8, 9, 10, 11, 12],
    [8, 9, 10, 11, 12],
    [10, 11, 12],
  ]);
  expect(results.every((result) => result.kind === "read" && result.through === 12)).toBe(true);
});

test("who comes a little later is answered by what was read, as far as that reaches", async () => {
  const { reads, asked } = fixture({ next: 100 });
  for (const after of [5, 7, 90]) {
    const result = await reads.read({ streamId: "s", after, through: 98, bytesMax: 1_000 });
    expect(offsets(result)).toHaveLength(98 - after);
  }
  expect([asked, reads.shared]).toEqual([["-1-127"], 2]);
  await reads.read({ streamId: "s", after: 5, through: 100, bytesMax: 1_000 });
  expect(asked).toHaveLength(2);
});

test("where a read has ended the next one begins, without reading anything again", async () => {
  const { reads, asked } = fixture();
  const range = { streamId: "s", through: 999, bytesMax: 300 };
  let after = 300;
  const seen: number[] = [];
  while (after < 999) {
    const result = await reads.read({ ...range, after });
    if (result.kind !== "read") throw new Error(result.kind);
    seen.push(...offsets(result));
    after = result.through;
  }
  expect(seen).toEqual(Array.from({ length: 699 }, (_, i) => 301 + i));
  expect(asked).toEqual(["255-1023", "555-1023", "855-1023"]);
});

test("what lies before is left out where it would take all of the read, or is lost", async () => {
  const large = fixture({ recordBytes: 1_000 });
  const range = { streamId: "s", after: 100, through: 110, bytesMax: 2_000 };
  expect(offsets(await large.reads.read(range))).toEqual([101, 102]);
  expect(large.asked).toEqual(["-1-127", "100-127"]);
  const lost = fixture({ earliest: 90 });
  expect(offsets(await lost.reads.read(range))).toHaveLength(10);
  expect(lost.asked).toEqual(["-1-127", "100-127"]);
});

test("what is lost or truncated is told for the range that was asked for", async () => {
  const { reads } = fixture({ earliest: 200, next: 250 });
  const range = { streamId: "s", bytesMax: 1_000 };
  expect(await reads.read({ ...range, after: 10, through: 20 })).toEqual({
    kind: "lost",
    through: 20,
    reason: "retention",
  });
  expect(await reads.read({ ...range, after: 250, through: 260 })).toEqual({ kind: "truncated", next: 250 });
});
