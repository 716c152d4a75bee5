import { expect, test } from "bun:test";
import fc from "fast-check";
import { didYouMean, editDistance } from "./didYouMean.ts";

const NAMES = ["port", "admin-port", "host", "kafka-brokers", "shards"];

test.each([
  ["prot", "port"],
  ["adminPort", "admin-port"],
  ["KAFKA_BROKER", "kafka-brokers"],
  ["shard", "shards"],
  ["hots", "host"],
])("%s is taken for %s", (written, meant) => {
  expect(didYouMean(written, NAMES)).toBe(meant);
});

test("what is like nothing gets no suggestion", () => {
  expect(didYouMean("colour", NAMES)).toBeUndefined();
  expect(didYouMean("x".repeat(10_000), NAMES)).toBeUndefined();
});

test("the distance is symmetric, and nought only to oneself", () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
    }),
  );
});
