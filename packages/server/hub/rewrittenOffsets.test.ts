import { expect, test } from "bun:test";
import { RewrittenOffsets } from "./rewrittenOffsets.ts";

test("a position among offsets that were written anew is uncertain, before and behind them it is not", () => {
  const rewritten = new RewrittenOffsets();
  rewritten.add("stream0", 50, 100);
  const uncertain = (next: number) => rewritten.makesUncertain("stream0", next);
  // Who needs 50 has seen nothing of what was lost; who needs 100 has seen the old 99, or the new one.
  expect([49, 50, 51, 100, 101].map(uncertain)).toEqual([false, false, true, true, false]);
  expect(rewritten.makesUncertain("stream1", 80)).toBe(false);
});

test("several truncations of a stream count together", () => {
  const rewritten = new RewrittenOffsets();
  rewritten.add("stream0", 50, 100);
  rewritten.add("stream0", 70, 120);
  expect([60, 110, 121].map((next) => rewritten.makesUncertain("stream0", next))).toEqual([
    true,
    true,
    false,
  ]);
  rewritten.forget("stream0");
  expect(rewritten.makesUncertain("stream0", 60)).toBe(false);
});
