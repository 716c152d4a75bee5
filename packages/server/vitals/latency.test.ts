import { expect, test } from "bun:test";
import { LatencyWindow } from "./latency.ts";

test("quantiles are told to within a tenth", () => {
  const window = new LatencyWindow(1000, 0);
  for (let ms = 1; ms <= 1000; ms++) window.note(ms);
  const [p50 = 0, p99 = 0] = window.quantiles([0.5, 0.99], 500);
  expect(Math.abs(p50 - 500)).toBeLessThan(50);
  expect(Math.abs(p99 - 990)).toBeLessThan(99);
});

test("what was before the last two windows counts no more", () => {
  const window = new LatencyWindow(1000, 0);
  window.note(5000);
  expect(window.quantiles([0.5], 1500)[0]).toBeGreaterThan(4000);
  window.note(10);
  expect(window.quantiles([0.99], 1900)[0]).toBeGreaterThan(4000);
  expect(window.quantiles([0.99], 2100)[0]).toBeLessThan(12);
  expect(window.quantiles([0.5], 9000)).toEqual([undefined]);
});

test("what is negative, or beyond all measure, is counted within the bounds", () => {
  const window = new LatencyWindow(1000, 0);
  window.note(-50);
  expect(window.quantiles([0.5], 0)[0]).toBeLessThan(0.1);
  for (let count = 0; count < 10; count++) window.note(1e12);
  expect(window.quantiles([0.99], 0)[0]).toBeGreaterThan(100_000);
});
