import { expect, test } from "bun:test";
import { rangeFrame } from "./assembleFixture.ts";
import { HeldBudget, HeldFrames, type HeldPiece, piecesOf } from "./heldFrames.ts";

function piece(after: number, through: number, afterIsOmitted = false): HeldPiece {
  return { after, through, publications: rangeFrame(after, through).publications, afterIsOmitted };
}

test("pieces are taken out in the order of their beginning, whatever the order of their coming", () => {
  const held = new HeldFrames(10_000, new HeldBudget(10_000));
  for (const after of [8, 4, 6, 5]) expect(held.hold(piece(after, after + 1))).toBe("held");
  expect(held.first?.after).toBe(4);
  expect(held.takeReady(3)).toEqual([]);
  expect(held.takeReady(6).map(({ after }) => after)).toEqual([4, 5, 6]);
  expect(held.first?.after).toBe(8);
});

test("a piece within another is not kept", () => {
  const held = new HeldFrames(10_000, new HeldBudget(10_000));
  held.hold(piece(4, 9));
  expect(held.hold(piece(4, 9))).toBe("repeated");
  expect(held.hold(piece(5, 7))).toBe("repeated");
  expect(held.hold(piece(5, 11))).toBe("held");
});

test("bytes are given back when pieces leave", () => {
  const budget = new HeldBudget(10_000);
  const held = new HeldFrames(10_000, budget);
  held.hold(piece(1, 3));
  held.hold(piece(5, 9));
  expect(budget.bytes).toBeGreaterThan(0);
  held.takeReady(1);
  held.clear();
  expect(budget.bytes).toBe(0);
});

test("a flood of empty pieces is bounded too", () => {
  const held = new HeldFrames(1_000, new HeldBudget(10_000));
  let kept = 0;
  for (let after = 0; after < 100; after++) {
    if (held.hold({ ...piece(after, after + 1), publications: [] }) === "held") kept++;
  }
  expect(kept).toBeLessThan(10);
});

test("a frame is cut at its omitted offsets", () => {
  const cut = (frame: ReturnType<typeof rangeFrame>) =>
    piecesOf(frame).map(({ after, through, publications, afterIsOmitted }) => {
      return [after, through, publications.map(({ offset }) => offset).join(" "), afterIsOmitted];
    });
  expect(cut(rangeFrame(0, 4))).toEqual([[0, 4, "1 2 3 4", false]]);
  expect(cut(rangeFrame(0, 4, "s", [3]))).toEqual([
    [0, 2, "1 2", false],
    [3, 4, "4", true],
  ]);
  expect(cut(rangeFrame(0, 3, "s", [1, 2, 3]))).toEqual([
    [1, 1, "", true],
    [2, 2, "", true],
    [3, 3, "", true],
  ]);
});

test("what is held pins nothing of the chunk that it came in", () => {
  const chunk = new Uint8Array(1_000_000);
  const publications = [10, 20].map((length, index) => ({
    offset: 5 + index,
    timestampMs: 0,
    channel: "c",
    envelope: chunk.subarray(index * 500_000, index * 500_000 + length).fill(7),
  }));
  const held = new HeldFrames(10_000, new HeldBudget(10_000));
  held.hold({ after: 4, through: 6, publications, afterIsOmitted: false });
  chunk.fill(0);
  const [kept] = held.takeReady(4);
  expect(kept?.publications.map(({ envelope }) => [...envelope])).toEqual([
    new Array(10).fill(7),
    new Array(20).fill(7),
  ]);
  for (const { envelope } of kept?.publications ?? []) expect(envelope.buffer.byteLength).toBe(30);
});

test("small publications count with what they cost beside their bytes", () => {
  const budget = new HeldBudget(1_000_000);
  new HeldFrames(1_000_000, budget).hold(piece(0, 100));
  expect(budget.bytes).toBeGreaterThan(100 * (100 + 340));
});
