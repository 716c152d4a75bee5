// The log is not as it should be.
import { expect, test } from "bun:test";
import { followed } from "./assembleFixture.ts";

test("what the log has lost becomes a gap, and what follows is delivered", async () => {
  const fixture = followed();
  fixture.logNext = 10;
  fixture.earliest = 3;
  fixture.range(4, 6);
  await fixture.pass(100);
  expect(fixture.seen).toEqual(["gap -1-2 retention", "3 4", "5 6"]);
});

test("frames at hand are delivered even where the log has lost them", async () => {
  const fixture = followed();
  fixture.logNext = 20;
  fixture.earliest = 15;
  fixture.range(4, 6);
  await fixture.pass(100);
  expect(fixture.seen).toEqual(["gap -1-4 retention", "5 6"]);
});

test("a log that does not answer is asked again and again, and never becomes a gap", async () => {
  const fixture = followed();
  fixture.logNext = 10;
  fixture.state = "unavailable";
  fixture.range(4, 6);
  await fixture.pass(120_000);
  expect(fixture.seen).toEqual([]);
  expect(fixture.assembler.stats.streamsWaitingForLog).toBe(1);
  expect(fixture.assembler.stats.oldestHoldMs).toBeGreaterThan(100_000);
  expect(fixture.reads.length).toBeLessThan(60);
  fixture.state = "available";
  await fixture.pass(6_000);
  expect(fixture.assembler.position("s")).toBe(10);
  expect(fixture.assembler.stats.streamsWaitingForLog).toBe(0);
});

test("a stretch that stays unreadable becomes a gap as small as it is, after ten tries", async () => {
  const fixture = followed();
  fixture.logNext = 100;
  for (let offset = 7; offset < 20; offset++) fixture.unreadable.add(offset);
  fixture.head(99);
  for (let i = 0; i < 8; i++) await fixture.passWithHeads(5_000, () => 99);
  expect(fixture.seen.slice(0, 2)).toEqual(["0 1 2 3 4 5 6", "gap 6-19 unreadable"]);
  expect(fixture.assembler.position("s")).toBe(100);
  expect(fixture.reads.filter((read) => read.startsWith("s:6-"))).toHaveLength(10);
});

test("a stretch that becomes readable again is no gap", async () => {
  const fixture = followed();
  fixture.logNext = 10;
  fixture.unreadable.add(3);
  fixture.head(9);
  await fixture.passWithHeads(2_000, () => 9);
  fixture.unreadable.clear();
  await fixture.passWithHeads(6_000, () => 9);
  expect(fixture.seen.join(" ")).toBe("0 1 2 3 4 5 6 7 8 9");
});

test("a log that ends before the position is a gap back to its end, and a new epoch from there", async () => {
  const fixture = followed();
  fixture.logNext = 10;
  fixture.range(-1, 9);
  fixture.logNext = 6;
  await fixture.passWithHeads(9_000, () => 5);
  expect(fixture.seen).toEqual(["0 1 2 3 4 5 6 7 8 9", "gap 9-5 truncated"]);
  expect(fixture.assembler.epoch("s")).toBe(1);
  fixture.logNext = 8;
  await fixture.pass(2_000);
  expect(fixture.seen.at(-1)).toBe("6 7");
});

test("frames on their way since before a truncation are not listened to", async () => {
  const fixture = followed();
  fixture.logNext = 10;
  fixture.range(-1, 9);
  fixture.logNext = 6;
  await fixture.passWithHeads(9_000, () => 5);
  fixture.range(5, 9);
  expect(fixture.assembler.position("s")).toBe(6);
  expect(fixture.assembler.stats.distrusted).toBeGreaterThan(0);
});

test("a single answer that the log ends earlier is not believed", async () => {
  const fixture = followed();
  fixture.logNext = 10;
  fixture.range(-1, 9);
  fixture.logNext = 6;
  fixture.head(12);
  await fixture.pass(100);
  expect(fixture.reads).toHaveLength(1);
  fixture.logNext = 13;
  await fixture.pass(2_000);
  expect(fixture.seen).toEqual(["0 1 2 3 4 5 6 7 8 9", "10 11 12"]);
});

test("what the bus claims beyond the log's end is dropped, because the log is the truth", async () => {
  const fixture = followed();
  fixture.logNext = 4;
  fixture.range(-1, 3);
  fixture.range(8, 9);
  await fixture.pass(200);
  expect(fixture.assembler.stats).toMatchObject({ heldBytes: 0, streamsReadForward: 1 });
  fixture.logNext = 12;
  await fixture.pass(2_000);
  expect(fixture.seen).toEqual(["0 1 2 3", "4 5 6 7 8 9 10 11"]);
});

test("a stream that the log knows no more ends with a gap and is in no mark", async () => {
  const fixture = followed();
  fixture.logNext = 4;
  fixture.range(-1, 3);
  fixture.state = "gone";
  await fixture.pass(7_000);
  expect(fixture.seen).toEqual(["0 1 2 3", "gap 3-3 gone"]);
  expect(fixture.assembler.position("s")).toBeUndefined();
  expect([...fixture.assembler.positions()]).toEqual([]);
});

test("a stream that has ended where it stands ends without a gap, after what was missing of it", async () => {
  const fixture = followed();
  fixture.logNext = 6;
  fixture.range(-1, 3);
  fixture.state = "complete";
  await fixture.pass(7_000);
  expect(fixture.seen).toEqual(["0 1 2 3", "4 5", "s ended"]);
  expect(fixture.assembler.position("s")).toBeUndefined();
  expect(fixture.assembler.stats.gaps.gone).toBe(0);
});

test("a stream that comes back goes on where it was, repeating nothing", async () => {
  const fixture = followed({ discover: async () => ({ earliest: 0, next: 6 }) });
  fixture.logNext = 4;
  fixture.range(-1, 3);
  fixture.state = "gone";
  await fixture.pass(7_000);
  fixture.state = "available";
  fixture.logNext = 6;
  fixture.head(5);
  await fixture.pass(1_000);
  expect(fixture.seen).toEqual(["0 1 2 3", "gap 3-3 gone", "4 5"]);
});
