import { expect, test } from "bun:test";
import { Turns } from "./turns.ts";

/** Turns over a clock, timers and an event loop that the test moves. */
function turnsFixture(waitMsMax: number) {
  let nowMs = 0;
  let next: (() => void)[] = [];
  const timers = new Map<() => void, number>();
  const taken: number[] = [];
  const turns = new Turns({
    waitMsMax,
    take: (frame) => taken.push(frame[0] ?? -1),
    now: () => nowMs,
    schedule: (delayMs, fn) => {
      timers.set(fn, nowMs + delayMs);
      return () => timers.delete(fn);
    },
    afterTurn: (fn) => next.push(fn),
  });
  const iterate = () => {
    const due = next;
    next = [];
    for (const fn of due) fn();
  };
  return {
    turns,
    taken,
    timers,
    iterate,
    add: (number: number, bytes = 1) => turns.add(new Uint8Array(bytes).fill(number)),
    /** The writes of the turn take so long. */
    write(ms: number): void {
      iterate();
      nowMs += ms;
      iterate();
    },
    pass(ms: number): void {
      nowMs += ms;
      for (const [fn, atMs] of timers) {
        if (atMs > nowMs) continue;
        timers.delete(fn);
        fn();
      }
    },
  };
}

test("a frame that comes while nothing is to do is taken at once", () => {
  const { add, taken, write, pass } = turnsFixture(10);
  add(1);
  write(0.2);
  add(2);
  expect(taken).toEqual([1, 2]);
  write(8);
  pass(8);
  add(3);
  expect(taken).toEqual([1, 2, 3]);
});

test("after a turn the next one waits as long as that took, and takes all that came, in order", () => {
  const { add, taken, write, pass, turns } = turnsFixture(10);
  add(1);
  write(4);
  add(2);
  pass(3);
  add(3);
  expect(taken).toEqual([1]);
  pass(1);
  expect(taken).toEqual([1, 2, 3]);
  expect(turns.stats).toMatchObject({ turns: 2, frames: 3, framesHeld: 2, waitMs: 4 });
});

test("no frame waits longer than the bound, whatever a turn has cost", () => {
  const { add, taken, write, pass } = turnsFixture(10);
  add(1);
  write(500);
  add(2);
  pass(9);
  expect(taken).toEqual([1]);
  pass(1);
  expect(taken).toEqual([1, 2]);
});

test("frames of the same turn share its write; those that come while it is measured wait for the next", () => {
  const { add, taken, iterate, pass, write } = turnsFixture(10);
  add(1);
  add(2);
  expect(taken).toEqual([1, 2]);
  iterate();
  add(3);
  expect(taken).toEqual([1, 2]);
  // Nothing is due before it is known what the turn has cost.
  pass(5);
  expect(taken).toEqual([1, 2]);
  iterate();
  pass(5);
  expect(taken).toEqual([1, 2, 3]);
  write(5);
});

test("with a bound of 0 no frame ever waits", () => {
  const { add, taken, write } = turnsFixture(0);
  add(1);
  write(50);
  add(2);
  expect(taken).toEqual([1, 2]);
});

test("what waits is bounded: a frame too many begins the turn", () => {
  const { add, taken, write, turns, timers } = turnsFixture(500);
  add(1);
  write(400);
  for (let i = 2; i <= 5; i++) add(i, 2 ** 20);
  expect(taken).toEqual([1]);
  add(6, 1);
  expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
  expect(turns.stats.cutShort).toBe(1);
  expect(timers.size).toBe(0);
});

test("a turn that is cut short while the one before is measured keeps no later frame from waiting", () => {
  const { add, taken, iterate, turns } = turnsFixture(10);
  add(1);
  iterate();
  for (let i = 2; i <= 6; i++) add(i, 2 ** 20);
  expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
  add(7);
  iterate();
  expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
  expect(turns.stats.cutShort).toBe(1);
});

test("after the end nothing that has waited is taken", () => {
  const { add, taken, write, pass, turns } = turnsFixture(10);
  add(1);
  write(5);
  add(2);
  turns.close();
  pass(100);
  expect(taken).toEqual([1]);
});
