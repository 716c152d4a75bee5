import { expect, test } from "bun:test";
import { Histogram } from "./histogram.ts";

test("quantiles are within a 64th of what was counted, also after a way as JSON", () => {
  const first = new Histogram();
  for (let us = 1; us <= 1_000_000; us += 7) first.add(us);
  const second = new Histogram();
  second.merge(JSON.parse(JSON.stringify(first.toSparse())));
  for (const q of [0.01, 0.5, 0.99, 0.999]) {
    expect(Math.abs((second.quantileMs(q) ?? 0) / (q * 1000) - 1)).toBeLessThan(1 / 64);
  }
  expect(new Histogram().quantileMs(0.5)).toBeUndefined();
});
