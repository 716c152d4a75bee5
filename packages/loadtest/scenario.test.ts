import { expect, test } from "bun:test";
import { readScenario } from "./scenario.ts";

test("what would never come about is refused", () => {
  for (const over of [
    { storm: { atSeconds: 20, share: 0.5 } },
    { spike: { atSeconds: 10, seconds: 1, factor: 2 } },
    { slow: { share: 0.5, pauseMs: 10, everyMs: 60_000 } },
    { churnPerSecond: 0.01 },
  ])
    expect(() => readScenario("", { holdSeconds: 10, ...over })).toThrow(/holdSeconds/);
});

test("a single threshold by flag leaves the others of the file as they are", () => {
  const { thresholds } = readScenario("thresholds: { lostMax: 5, gapsMax: 6 }", {
    thresholds: { lostMax: 1 },
  });
  expect([thresholds.lostMax, thresholds.gapsMax, thresholds.repeatedMax]).toEqual([1, 6, 0]);
});
