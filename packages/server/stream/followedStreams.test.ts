// Which streams the assembler follows: those that are opened, those that appear, and those that are forgotten.
import { expect, test } from "bun:test";
import { AssemblerFixture, followed } from "./assembleFixture.ts";

test("a warm read goes through the same path and resolves when it is delivered", async () => {
  const fixture = new AssemblerFixture();
  fixture.logNext = 10;
  fixture.slow = true;
  let warm = false;
  void fixture.assembler.open("s", 4, 10).then(() => {
    warm = true;
  });
  fixture.range(9, 11);
  await fixture.pass(10);
  expect(warm).toBe(false);
  await fixture.answer();
  expect(warm).toBe(true);
  expect(fixture.seen).toEqual(["4 5 6 7 8 9", "10 11"]);
  expect(fixture.assembler.stats.repairs).toBe(0);
});

test("a warm read to beyond the log's end resolves at the end", async () => {
  const fixture = new AssemblerFixture();
  fixture.logNext = 6;
  const warm = fixture.assembler.open("s", 4, 10);
  await fixture.pass(1_000);
  await warm;
  expect(fixture.seen).toEqual(["4 5"]);
});

test("closing resolves warm reads, and a late answer is not delivered", async () => {
  const fixture = new AssemblerFixture();
  fixture.logNext = 6;
  fixture.slow = true;
  const warm = fixture.assembler.open("s", 4, 6);
  await fixture.pass(10);
  fixture.assembler.close();
  await warm;
  await fixture.answer();
  fixture.range(3, 5);
  await fixture.pass(10_000);
  expect(fixture.seen).toEqual([]);
});

test("opening again changes nothing", async () => {
  const fixture = followed();
  fixture.range(-1, 3);
  await fixture.assembler.open("s", 0, 2);
  expect(fixture.assembler.position("s")).toBe(4);
});

test("more streams than a mark can name are refused", () => {
  const fixture = followed({ limits: { streamsMax: 1 } });
  expect(() => fixture.assembler.open("t", 0)).toThrow(RangeError);
  fixture.range(0, 1, "u");
  expect(fixture.assembler.stats.discoveriesRefused).toBe(1);
});

test("streams that come and go do not use up the limit: the oldest of what is gone makes room", async () => {
  const fixture = new AssemblerFixture({ limits: { streamsMax: 3, goneMax: 2 } });
  for (let i = 0; i < 5; i++) {
    void fixture.assembler.open(`s${i}`, 0);
    fixture.state = "gone";
    await fixture.pass(15_000);
  }
  expect(fixture.seen.filter((line) => line.includes("gone"))).toHaveLength(5);
  expect(fixture.forgotten).toEqual(["s0", "s1", "s2"]);
  fixture.state = "available";
  void fixture.assembler.open("t0", 0);
  void fixture.assembler.open("t1", 0);
  void fixture.assembler.open("t2", 0);
  expect(fixture.forgotten).toEqual(["s0", "s1", "s2", "s3", "s4"]);
  expect(fixture.assembler.stats.streams).toBe(3);
  expect(fixture.assembler.hasRoom).toBe(false);
});

test("a stream that appears later is asked for once and read from its beginning", async () => {
  const asked: string[] = [];
  const fixture = new AssemblerFixture({
    discover: async (streamId) => {
      asked.push(streamId);
      return { earliest: 2, next: 8 };
    },
  });
  fixture.logNext = 8;
  fixture.earliest = 2;
  fixture.range(5, 6, "new");
  fixture.head(7, "new");
  await fixture.pass(10);
  expect(asked).toEqual(["new"]);
  expect(fixture.seen).toEqual(["2 3 4 5 6 7"]);
  fixture.range(7, 9, "new");
  expect(fixture.seen.at(-1)).toBe("8 9");
});

test("a stream that the log does not know is asked for only now and then", async () => {
  let asked = 0;
  const fixture = new AssemblerFixture({
    discover: async () => {
      asked++;
      return undefined;
    },
  });
  for (let i = 0; i < 40; i++) {
    fixture.range(i, i + 1, "unknown");
    await fixture.pass(100);
  }
  expect(asked).toBe(1);
  await fixture.pass(2_000);
  fixture.head(50, "unknown");
  expect(asked).toBe(2);
});

test("a flood of unknown streams is bounded", async () => {
  const fixture = new AssemblerFixture({ limits: { discoveriesAtOnceMax: 2, unknownStreamsMax: 5 } });
  for (let i = 0; i < 20; i++) {
    fixture.range(0, 1, `unknown${i}`);
    await fixture.pass(1);
  }
  expect(fixture.assembler.stats).toMatchObject({ discoveries: 5, discoveriesRefused: 15 });
});
