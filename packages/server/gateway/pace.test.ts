import { expect, test } from "bun:test";
import { Pace } from "./pace.ts";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Work takes a millisecond of a clock that nothing else moves. */
function fixture() {
  const clock = { ms: 0 };
  const turns: number[] = [];
  const done: string[] = [];
  const pace = new Pace({ now: () => clock.ms, onTurn: () => turns.push(clock.ms) });
  const work = (name: string, fails = false) => {
    pace.wait(() => {
      clock.ms += 1;
      done.push(name);
      if (fails) throw new Error(name);
    });
  };
  return { pace, work, done, turns, clock };
}

test("a turn is over once its time is, and its end is told once for each", async () => {
  const { pace, work, done, turns, clock } = fixture();
  expect(pace.mayBegin()).toBe(true);
  clock.ms += 6;
  expect(pace.mayBegin()).toBe(false);
  for (const name of ["a", "b", "c"]) work(name);
  await nextTurn();
  expect([done, turns]).toEqual([["a", "b"], [8]]);
  await nextTurn();
  expect([done, turns]).toEqual([
    ["a", "b", "c"],
    [8, 9],
  ]);
  expect(pace.waiting).toBe(0);
});

test("what fails keeps nothing behind it from having its turn", () => {
  const { pace, work, done } = fixture();
  for (const name of ["a", "b", "c"]) work(name, name === "b");
  expect(() => pace.finish()).toThrow("b");
  expect([done, pace.waiting]).toEqual([["a", "b"], 1]);
  pace.finish();
  expect(done).toEqual(["a", "b", "c"]);
});
