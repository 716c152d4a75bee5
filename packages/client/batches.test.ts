import { expect, test } from "bun:test";
import fc from "fast-check";
import { BATCH_BYTES_MAX, BATCH_CHANNELS_MAX, splitIntoBatches } from "./batches.ts";

const asIs = (name: string) => name;

test("requests keep every channel, in order, within both limits", () => {
  const names = fc.array(
    fc.tuple(fc.nat({ max: 250 }), fc.nat()).map(([length, n]) => `c${n}`.padEnd(length, "x")),
    { maxLength: 2000 },
  );
  const since = fc.array(
    fc.nat({ max: 20_000 }).map((length) => "m".padEnd(length, "0")),
    { maxLength: 2 },
  );
  fc.assert(
    fc.property(names, since, (channels, positions) => {
      const batches = splitIntoBatches(channels, asIs, positions);
      expect(batches.flat()).toEqual(channels);
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(BATCH_CHANNELS_MAX);
        const request = { type: "subscribe", id: Number.MAX_SAFE_INTEGER, channels: batch, since: positions };
        expect(JSON.stringify(request).length).toBeLessThan(BATCH_BYTES_MAX);
      }
    }),
    { numRuns: 20 },
  );
});

test("a position that leaves no room still gets one channel with each request", () => {
  expect(splitIntoBatches(["a", "b"], asIs, ["m".padEnd(BATCH_BYTES_MAX, "0")])).toEqual([["a"], ["b"]]);
});
