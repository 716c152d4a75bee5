import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  CHANNEL_BYTES_MAX,
  covers,
  isChannelName,
  isChannelPattern,
  patternPrefix,
  patternsOf,
} from "./channel.ts";

const segments = fc.array(fc.stringMatching(/^[A-Za-z0-9_:@$=+~-]{1,5}$/), { minLength: 1, maxLength: 5 });
const names = segments.map((parts) => parts.join("."));
/** Few letters, so that names and patterns often have something in common. */
const closeNames = fc
  .array(fc.constantFrom("a", "b", "ab"), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("."));
const closePatterns = closeNames.map((name) => `${name}.*`);

describe("channel names", () => {
  test("are dot-separated segments of the allowed characters", () => {
    fc.assert(fc.property(names, (name) => expect(isChannelName(name)).toBe(true)));
  });

  test("have no empty segment, no other character, and no line break at the end", () => {
    for (const name of [
      "",
      ".",
      "a.",
      ".a",
      "a..b",
      "a b",
      "a*",
      "a.*",
      "a/b",
      "ä",
      "a\n",
      "a.b\n",
      "a\u0000",
    ]) {
      expect(isChannelName(name)).toBe(false);
    }
  });

  test("end at their limit", () => {
    expect(isChannelName("x".repeat(CHANNEL_BYTES_MAX))).toBe(true);
    expect(isChannelName("x".repeat(CHANNEL_BYTES_MAX + 1))).toBe(false);
  });

  test("are never patterns", () => {
    fc.assert(
      fc.property(fc.oneof(names, fc.string()), (name) => {
        expect(isChannelName(name) && isChannelPattern(name)).toBe(false);
      }),
    );
  });

  test("are checked in linear time", () => {
    // A backtracking grammar would not come back from this one.
    expect(isChannelName(`${"a.".repeat(100)}!`)).toBe(false);
  });
});

describe("patterns", () => {
  test("are a name and a star", () => {
    fc.assert(fc.property(names, (name) => expect(isChannelPattern(`${name}.*`)).toBe(true)));
    for (const text of ["*", ".*", "a*", "a.*.b", "a.*.*", "a..*"])
      expect(isChannelPattern(text)).toBe(false);
  });

  test("cover exactly the names that list them among their patterns", () => {
    fc.assert(
      fc.property(closePatterns, closeNames, (pattern, name) => {
        expect(covers(pattern, name)).toBe(patternsOf(name).includes(pattern));
      }),
    );
  });

  test("cover a pattern exactly when they cover all that it covers, and are not it", () => {
    fc.assert(
      fc.property(closePatterns, closePatterns, closeNames, (outer, inner, name) => {
        if (covers(outer, inner) && covers(inner, name)) expect(covers(outer, name)).toBe(true);
        expect(covers(outer, inner)).toBe(outer !== inner && covers(outer, `${patternPrefix(inner)}x`));
      }),
    );
  });

  test("of a name come broadest first, and all are patterns", () => {
    expect(patternsOf("a.b.c")).toEqual(["a.*", "a.b.*"]);
    expect(patternsOf("a")).toEqual([]);
    fc.assert(
      fc.property(names, (name) => {
        const patterns = patternsOf(name);
        expect(patterns.every(isChannelPattern)).toBe(true);
        for (const [i, pattern] of patterns.slice(1).entries())
          expect(covers(patterns[i] ?? "", pattern)).toBe(true);
      }),
    );
  });

  test("do not cover the channel that is named as they begin", () => {
    expect(covers("BTC.*", "BTC")).toBe(false);
    expect(covers("BTC.*", "BTCX.trade")).toBe(false);
    expect(covers("BTC.*", "BTC.trade")).toBe(true);
    expect(covers("BTC", "BTC.trade")).toBe(false);
  });
});
