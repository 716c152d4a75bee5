import { expect, test } from "bun:test";
import { heardSinceMs } from "./heardSince.ts";
import { readScenario } from "./scenario.ts";

const BEGAN_MS = 1_764_000_000_000;

/** In ms after publishing began. */
function since(over: Record<string, unknown>, heldMs: number): number {
  const scenario = readScenario("", { channels: ["a.load", "b.load"], messagesPerSecond: 20, ...over });
  return heardSinceMs(scenario, BEGAN_MS, BEGAN_MS + heldMs) - BEGAN_MS;
}

test.each([1200, 2199, 250])(
  "who was there when publishing began must have got something in %d ms of it, however short before that it came",
  (heldMs) => {
    expect(since({}, heldMs)).toBe(0);
  },
);

test("who came later must have got something once each channel's turn came twice, and two seconds more", () => {
  expect(since({}, 10_000)).toBe(7800);
});

test("where not each channel's turn came nobody must have got anything", () => {
  expect(since({ messagesPerSecond: 0.5 }, 5000)).toBeLessThan(0);
});

test("of what somebody else publishes something must have come in the whole of the hold", () => {
  expect(since({ publish: "none", holdSeconds: 8 }, 8100)).toBe(100);
});
