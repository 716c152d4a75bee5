import { expect, test } from "bun:test";
import { Seldom } from "./seldom.ts";

test("the first time is said, then one in each while, with how many were left out", () => {
  let now = 0;
  const seldom = new Seldom(100, () => now);
  expect([seldom.take(), seldom.take(), seldom.take()]).toEqual([0, undefined, undefined]);
  now = 99;
  expect(seldom.take()).toBeUndefined();
  now = 100;
  expect([seldom.take(), seldom.take()]).toEqual([3, undefined]);
  now = 1000;
  expect(seldom.take()).toBe(1);
});
