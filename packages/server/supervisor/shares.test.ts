import { expect, test } from "bun:test";
import { sharesOf, wholeSharesOf } from "./shares.ts";

test("shares are as the weights are, and add up", () => {
  expect(sharesOf(10, [1, 3, 0])).toEqual([2.5, 7.5, 0]);
  expect(wholeSharesOf(10, [1, 1, 1])).toEqual([4, 3, 3]);
  expect(wholeSharesOf(7, [100, 100, 50, 1])).toEqual([3, 3, 1, 0]);
});

test("without any weight nobody has a share", () => {
  expect(sharesOf(10, [0, 0])).toEqual([0, 0]);
  expect(wholeSharesOf(10, [0, 0])).toEqual([0, 0]);
});
