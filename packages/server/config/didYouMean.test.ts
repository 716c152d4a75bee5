import { expect, test } from "bun:test";
import fc from "fast-check";
import { didYouMean, editDistance } from "./didYouMean.ts";

const NAMES = ["port", "admin-port", "host", "kafka-brokers", "shards", "role", "url"];

test.each([
  ["prot", "port"],
  ["adminPort", "admin-port"],
  ["KAFKA_BROKER", "kafka-brokers"],
  ["shard", "shards"],
  ["hots", "host"],
  ["shrad", "shards"],
  ["ur", "url"],
])("%s is taken for %s", (written, meant) => {
  expect(didYouMean(written, NAMES)).toBe(meant);
});

test.each(["colour", "nope", "rt", ""])("'%s' is like nothing and gets no suggestion", (written) => {
  expect(didYouMean(written, NAMES)).toBeUndefined();
});

test("what is far too long is compared with nothing", () => {
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
