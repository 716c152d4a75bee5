import { expect, test } from "bun:test";
import { GUARD_ENTRIES_MAX, ReplayGuard } from "./replayGuard.ts";

test("what an earlier connection brought is repeated, what lies beyond is new", () => {
  const guard = new ReplayGuard();
  for (const offset of [5, 7]) expect(guard.admit("a", "s", offset, 1)).toBe("new");
  expect([5, 7, 8].map((offset) => guard.admit("a", "s", offset, 2))).toEqual([
    "repeated",
    "repeated",
    "new",
  ]);
  expect([7, 8, 9].map((offset) => guard.admit("a", "s", offset, 3))).toEqual([
    "repeated",
    "repeated",
    "new",
  ]);
});

test("a resume that breaks before it has caught up forgets nothing", () => {
  const guard = new ReplayGuard();
  guard.admit("a", "s", 7, 1);
  expect(guard.admit("a", "s", 5, 2)).toBe("repeated");
  expect([5, 7, 8].map((offset) => guard.admit("a", "s", offset, 3))).toEqual([
    "repeated",
    "repeated",
    "new",
  ]);
});

test("older offsets of another channel or stream are new", () => {
  const guard = new ReplayGuard();
  guard.admit("a", "s", 7, 1);
  expect(guard.admit("b", "s", 5, 2)).toBe("new");
  expect(guard.admit("a", "t", 5, 2)).toBe("new");
});

test("an older offset on the same connection is new: the log may have been cut back", () => {
  const guard = new ReplayGuard();
  expect([7, 5, 6].map((offset) => guard.admit("a", "s", offset, 1))).toEqual(["new", "new", "new"]);
});

test("a full guard says so, and still knows what it knew", () => {
  const guard = new ReplayGuard();
  for (let i = 0; i < GUARD_ENTRIES_MAX; i++) guard.admit(`c${i}`, "s", 1, 1);
  expect(guard.admit("more", "s", 1, 1)).toBe("full");
  expect(guard.admit("c0", "s", 1, 2)).toBe("repeated");
});
