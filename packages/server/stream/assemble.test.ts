import { describe, expect, test } from "bun:test";
import { AssemblerFixture, followed, rangeFrame } from "./assembleFixture.ts";

describe("the bus does its work", () => {
  test("contiguous frames are delivered as they come, the list itself untouched", () => {
    const fixture = followed();
    fixture.range(-1, 2);
    fixture.range(2, 3);
    expect(fixture.seen).toEqual(["0 1 2", "3"]);
    expect(fixture.assembler.position("s")).toBe(4);
  });

  test("a frame without publications moves the position", () => {
    const fixture = followed();
    fixture.assembler.onFrame({ ...rangeFrame(-1, 6), publications: [] });
    expect(fixture.assembler.position("s")).toBe(7);
  });

  test("a repeated frame is delivered once", () => {
    const fixture = followed();
    fixture.range(-1, 2);
    fixture.range(-1, 2);
    fixture.range(0, 1);
    expect(fixture.seen).toEqual(["0 1 2"]);
    expect(fixture.assembler.stats.repeats).toBe(2);
  });

  test("of overlapping ranges of two owners only what is new is delivered", () => {
    const fixture = followed();
    fixture.range(-1, 3);
    fixture.range(1, 5);
    fixture.range(0, 4);
    fixture.range(3, 6);
    expect(fixture.seen).toEqual(["0 1 2 3", "4 5", "6"]);
  });

  test("heads of what is known change nothing, and the log is never read", async () => {
    const fixture = followed();
    fixture.range(-1, 3);
    await fixture.passWithHeads(20_000, () => 3);
    expect(fixture.reads).toEqual([]);
    expect(fixture.assembler.stats.streamsReadForward).toBe(0);
  });

  test("streams do not wait for one another", () => {
    const fixture = followed();
    void fixture.assembler.open("t", 5);
    fixture.range(3, 4, "s");
    fixture.range(4, 5, "t");
    expect(fixture.seen).toEqual(["5"]);
    expect([...fixture.assembler.positions()]).toEqual([
      ["s", 0],
      ["t", 6],
    ]);
  });

  test("a frame handed in from within a delivery is delivered after it", () => {
    const order: string[] = [];
    const fixture = followed({
      onDeliver: (self, offsets) => {
        order.push(`begin ${offsets}`);
        if (offsets[0] === 0) {
          self.range(1, 2);
          self.range(2, 3);
        }
        order.push(`end ${offsets}`);
      },
    });
    fixture.range(-1, 1);
    expect(order).toEqual(["begin 0,1", "end 0,1", "begin 2", "end 2", "begin 3", "end 3"]);
    expect(fixture.assembler.heldBytes).toBe(0);
  });

  test("closing from within a delivery ends all deliveries", () => {
    const fixture = followed({ onDeliver: (self) => self.assembler.close() });
    fixture.range(1, 2);
    fixture.range(2, 3);
    fixture.range(-1, 1);
    expect(fixture.seen).toEqual(["0 1"]);
  });

  test("a frame that states no range is counted", () => {
    const fixture = followed();
    fixture.range(4, 4);
    expect(fixture.assembler.stats).toMatchObject({ malformed: 1, holes: 0 });
  });
});

describe("something is missing", () => {
  test("what follows a hole is held until the log has filled it", async () => {
    const fixture = followed();
    fixture.logNext = 10;
    fixture.range(-1, 1);
    fixture.range(4, 6);
    expect(fixture.seen).toEqual(["0 1"]);
    await fixture.pass(100);
    expect(fixture.seen).toEqual(["0 1", "2 3 4", "5 6"]);
    expect(fixture.reads).toEqual(["s:1-4"]);
  });

  test("a reordering at a takeover heals without a read", async () => {
    const fixture = followed();
    fixture.range(1, 3);
    await fixture.pass(15);
    fixture.range(-1, 1);
    await fixture.pass(1_000);
    expect(fixture.seen).toEqual(["0 1", "2 3"]);
    expect(fixture.reads).toEqual([]);
    expect(fixture.assembler.stats).toMatchObject({ healed: 1, oldestHoldMs: 0, heldBytes: 0 });
  });

  test("a repair waits at least 20 ms", async () => {
    const fixture = followed();
    fixture.logNext = 10;
    fixture.range(1, 3);
    await fixture.pass(20);
    expect(fixture.reads).toEqual([]);
  });

  test("a head beyond the position is a hole", async () => {
    const fixture = followed();
    fixture.logNext = 3;
    fixture.range(-1, 0);
    fixture.head(2);
    await fixture.pass(100);
    expect(fixture.seen).toEqual(["0", "1 2"]);
  });

  test("an answer that comes after the frame is sliced to what is new", async () => {
    const fixture = followed();
    fixture.logNext = 10;
    fixture.slow = true;
    fixture.range(5, 6);
    await fixture.pass(100);
    expect(fixture.reads).toEqual(["s:-1-5"]);
    fixture.range(-1, 3);
    await fixture.answer();
    expect(fixture.seen).toEqual(["0 1 2 3", "4 5", "6"]);
  });

  test("an answer that comes after all its frames is not delivered", async () => {
    const fixture = followed();
    fixture.logNext = 10;
    fixture.slow = true;
    fixture.range(5, 6);
    await fixture.pass(100);
    fixture.range(-1, 5);
    await fixture.answer();
    expect(fixture.seen).toEqual(["0 1 2 3 4 5", "6"]);
  });

  test("an omitted publication is fetched at its place, at once", async () => {
    const fixture = followed();
    fixture.logNext = 10;
    fixture.range(-1, 5, "s", [2, 5]);
    fixture.range(5, 6);
    await fixture.pass(1);
    expect(fixture.seen).toEqual(["0 1", "2", "3 4", "5", "6"]);
    expect(fixture.assembler.stats.repairs).toBe(0);
  });

  test("few reads run at a time, and every stream gets its turn", async () => {
    const fixture = new AssemblerFixture({ limits: { readsAtOnceMax: 2 } });
    fixture.logNext = 10;
    fixture.slow = true;
    for (const id of ["a", "b", "c", "d", "e"]) {
      void fixture.assembler.open(id, 0);
      fixture.range(4, 5, id);
    }
    await fixture.pass(100);
    expect(fixture.inFlight).toBe(2);
    await fixture.answer();
    expect(fixture.inFlight).toBe(2);
    await fixture.answer();
    await fixture.answer();
    expect([...fixture.assembler.positions()].map(([, next]) => next)).toEqual([6, 6, 6, 6, 6]);
  });

  test("held frames beyond the limit are dropped and read from the log", async () => {
    const fixture = followed({ limits: { heldBytesMax: 1_000 } });
    fixture.logNext = 50;
    for (let after = 10; after < 49; after++) fixture.range(after, after + 1);
    expect(fixture.assembler.heldBytes).toBeLessThanOrEqual(1_000);
    expect(fixture.assembler.stats.heldDropped).toBeGreaterThan(30);
    await fixture.pass(1_000);
    expect(fixture.seen.join(" ")).toBe(Array.from({ length: 50 }, (_, offset) => offset).join(" "));
  });

  test("the limit of one stream leaves room for the others", () => {
    const fixture = followed({ limits: { heldBytesMax: 2_000, heldBytesPerStreamMax: 1_000 } });
    void fixture.assembler.open("t", 0);
    for (let after = 10; after < 30; after++) fixture.range(after, after + 1, "s");
    const one = fixture.assembler.heldBytes;
    fixture.range(10, 11, "t");
    expect(one).toBeLessThanOrEqual(1_000);
    expect(fixture.assembler.heldBytes).toBeGreaterThan(one);
  });
});

describe("the log is not as it should be", () => {
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
});

describe("reading forward", () => {
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
});
