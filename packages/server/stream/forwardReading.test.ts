import { expect, test } from "bun:test";
import { followed } from "./assembleFixture.ts";

test("a stream whose head is overdue is read from the log until the bus serves it again", async () => {
  const fixture = followed();
  fixture.logNext = 3;
  fixture.range(-1, 2);
  await fixture.passWithHeads(3_000, () => 2);
  fixture.logNext = 5;
  await fixture.pass(7_000);
  expect(fixture.seen).toEqual(["0 1 2", "3 4"]);
  expect(fixture.assembler.stats.forwardEntries.overdue).toBe(1);

  await fixture.passWithHeads(6_000, () => fixture.logNext - 1);
  expect(fixture.assembler.stats).toMatchObject({ forwardExits: 1, streamsReadForward: 0 });
  const reads = fixture.reads.length;
  fixture.range(2, 6);
  await fixture.passWithHeads(6_000, () => 6);
  expect(fixture.seen).toEqual(["0 1 2", "3 4", "5 6"]);
  expect(fixture.reads).toHaveLength(reads);
});

test("an empty stream without heads is read forward too", async () => {
  const fixture = followed();
  await fixture.pass(6_500);
  fixture.logNext = 2;
  await fixture.pass(2_000);
  expect(fixture.seen).toEqual(["0 1"]);
});

test("a stream that needs repair again and again is read forward", async () => {
  const fixture = followed();
  let after = 1;
  for (let repair = 0; repair < 5; repair++, after += 4) {
    fixture.logNext = after + 3;
    fixture.range(after, after + 2);
    await fixture.pass(100);
  }
  expect(fixture.assembler.stats.forwardEntries.repairs).toBe(1);
  expect(fixture.assembler.position("s")).toBe(after - 1);
});

test("repairs that are far apart do not add up", async () => {
  const fixture = followed();
  let after = 1;
  for (let repair = 0; repair < 8; repair++, after += 4) {
    fixture.logNext = after + 3;
    fixture.range(after, after + 2);
    await fixture.passWithHeads(3_000, () => after + 2);
  }
  expect(fixture.assembler.stats).toMatchObject({ repairs: 8, streamsReadForward: 0 });
});

test("a bus that keeps losing frames is not trusted again", async () => {
  const fixture = followed();
  await fixture.pass(6_500);
  for (let round = 1; round < 10; round++) {
    fixture.logNext = round * 10;
    fixture.range(round * 10 - 3, round * 10 - 1);
    await fixture.pass(1_000);
  }
  expect(fixture.assembler.stats).toMatchObject({ streamsReadForward: 1, forwardExits: 0 });
  expect(fixture.assembler.position("s")).toBe(90);
});

test("polls that find nothing come at most once a second or so", async () => {
  const fixture = followed();
  await fixture.pass(7_000);
  const reads = fixture.reads.length;
  await fixture.pass(10_000);
  expect(fixture.reads.length - reads).toBeLessThanOrEqual(14);
});

test("a poll that was stopped by its size goes on at once", async () => {
  const fixture = followed({ limits: { readBytesMax: 200 } });
  await fixture.pass(6_500);
  fixture.logNext = 3;
  await fixture.pass(1_000);
  expect(fixture.reads.slice(-2).map((read) => read.slice(0, 4))).toEqual(["s:2-", "s:2-"]);
  expect(fixture.assembler.position("s")).toBe(3);
});
