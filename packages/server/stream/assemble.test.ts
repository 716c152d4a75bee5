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
