import { expect, test } from "bun:test";
import type { RangeResult } from "../log/log.ts";
import { RecentReads } from "./recentReads.ts";

function read(after: number, through: number, recordBytes = 1): RangeResult {
  const publications = Array.from({ length: through - after }, (_, at) => ({
    ...{ offset: after + 1 + at, timestampMs: 0, channel: "c" },
    envelope: new Uint8Array(recordBytes),
  }));
  return { kind: "read", publications, through };
}

test("a read answers later ones from the same place, as far as it reaches, for a while", () => {
  const clock = { ms: 0 };
  const reads = new RecentReads(() => clock.ms);
  reads.keep("s", 9, 1000, read(9, 19));
  expect(reads.find("s", 9, 15)).toMatchObject({ through: 19 });
  expect(reads.find("s", 9, 19)).toMatchObject({ through: 19 });
  // The log had ended there: what has come since is not in it.
  expect(reads.find("s", 9, 20)).toBeUndefined();
  expect(reads.find("s", 10, 15)).toBeUndefined();
  expect(reads.find("t", 9, 15)).toBeUndefined();
  clock.ms = 5001;
  expect(reads.find("s", 9, 15)).toBeUndefined();
});

test("a read that was cut off because it was large answers whoever begins there", () => {
  const reads = new RecentReads();
  reads.keep("s", 9, 10, read(9, 19));
  expect(reads.find("s", 9, 1000)).toMatchObject({ through: 19 });
});

test("what brought nothing, and what is gone, is not kept", () => {
  const reads = new RecentReads();
  reads.keep("s", 9, 10, { kind: "read", publications: [], through: 9 });
  reads.keep("s", 9, 10, { kind: "gone" });
  reads.keep("s", 9, 10, { kind: "lost", through: 20, reason: "retention" });
  expect([reads.find("s", 9, 9), reads.bytes]).toEqual([undefined, 0]);
});

test("all that is kept is bounded in bytes: the oldest goes", () => {
  const reads = new RecentReads();
  for (let at = 0; at < 40; at++) reads.keep("s", at, 1, read(at, at + 1, 2 ** 20));
  expect(reads.bytes).toBeLessThanOrEqual(16 * 2 ** 20);
  expect(reads.find("s", 0, 1)).toBeUndefined();
  expect(reads.find("s", 39, 40)).toBeDefined();
  reads.keep("s", 50, 1, read(50, 51, 2 ** 25));
  expect(reads.find("s", 50, 51)).toBeUndefined();
});
