import { expect, test } from "bun:test";
import { GUARD_ENTRIES_MAX, isRepeated, type ReplayGuard } from "./replayGuard.ts";

/** What it says of one offset after the other. */
function ask(guard: ReplayGuard, pair: string, offsets: readonly number[], connection: number): string[] {
  return offsets.map((offset) => {
    let isFull = false;
    const isOld = isRepeated(guard, pair, offset, connection, () => {
      isFull = true;
    });
    return isFull ? "full" : isOld ? "repeated" : "new";
  });
}

test("what an earlier connection brought is repeated, what lies beyond is new", () => {
  const guard: ReplayGuard = new Map();
  expect(ask(guard, "a s", [5, 7], 1)).toEqual(["new", "new"]);
  expect(ask(guard, "a s", [5, 7, 8], 2)).toEqual(["repeated", "repeated", "new"]);
  expect(ask(guard, "a s", [7, 8, 9], 3)).toEqual(["repeated", "repeated", "new"]);
});

test("a resume that breaks before it has caught up forgets nothing", () => {
  const guard: ReplayGuard = new Map();
  expect(ask(guard, "a s", [7], 1)).toEqual(["new"]);
  expect(ask(guard, "a s", [5], 2)).toEqual(["repeated"]);
  expect(ask(guard, "a s", [5, 7, 8], 3)).toEqual(["repeated", "repeated", "new"]);
});

test("older offsets of another channel or stream are new", () => {
  const guard: ReplayGuard = new Map();
  expect(ask(guard, "a s", [7], 1)).toEqual(["new"]);
  expect(ask(guard, "b s", [5], 2)).toEqual(["new"]);
  expect(ask(guard, "a t", [5], 2)).toEqual(["new"]);
});

test("an older offset on the same connection is new: the log may have been cut back", () => {
  expect(ask(new Map(), "a s", [7, 5, 6], 1)).toEqual(["new", "new", "new"]);
});

test("a full guard says so, and still knows what it knew", () => {
  const guard: ReplayGuard = new Map();
  for (let i = 0; i < GUARD_ENTRIES_MAX; i++) ask(guard, `c${i} s`, [1], 1);
  expect(ask(guard, "more s", [1], 1)).toEqual(["full"]);
  expect(ask(guard, "c0 s", [1], 2)).toEqual(["repeated"]);
});
