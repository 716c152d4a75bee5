import { expect, test } from "bun:test";
import { Backoff } from "./backoff.ts";

test("delays are drawn from zero to a bound that doubles up to its limit", () => {
  const bounds = (random: number) => {
    const backoff = new Backoff({ minMs: 100, maxMs: 1000 }, () => random);
    return Array.from({ length: 6 }, () => backoff.nextDelayMs());
  };
  expect(bounds(0)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(bounds(0.5)).toEqual([50, 100, 200, 400, 500, 500]);
  expect(Math.max(...bounds(0.999999))).toBeLessThan(1000);
});

test("a reset begins anew", () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1000 }, () => 0.5);
  for (let i = 0; i < 2000; i++) expect(backoff.nextDelayMs()).toBeLessThanOrEqual(1000);
  backoff.reset();
  expect(backoff.attempt).toBe(0);
  expect(backoff.nextDelayMs()).toBe(50);
});
