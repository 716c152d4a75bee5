import { expect, test } from "bun:test";
import { backoffMs } from "./backoff.ts";

test("delays are drawn from zero to a bound that doubles up to its limit", () => {
  const delays = (random: number) =>
    Array.from({ length: 6 }, (_, attempt) => backoffMs(attempt, { minMs: 100, maxMs: 1000 }, random));
  expect(delays(0)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(delays(0.5)).toEqual([50, 100, 200, 400, 500, 500]);
  expect(Math.max(...delays(0.999999))).toBeLessThan(1000);
});

test("however many attempts have failed, the bound holds", () => {
  expect(backoffMs(2000, {}, 0.5)).toBe(15_000);
});
