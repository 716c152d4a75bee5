import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatCursor, parseCursor } from "./cursor.ts";
import { formatMark, joinSince, MARK_STREAMS_MAX, type Positions, parseMark } from "./mark.ts";

const streamIds = fc.stringMatching(/^[0-9a-z]{7}$/);
const positions = fc.uniqueArray(fc.tuple(streamIds, fc.maxSafeNat()), {
  selector: ([id]) => id,
  maxLength: 20,
});

describe("a mark", () => {
  test("reads back as it was written", () => {
    fc.assert(
      fc.property(positions, (entries) => {
        expect(parseMark(formatMark(entries))).toEqual(new Map(entries));
      }),
    );
  });

  test("needs no escaping in JSON or in a URL", () => {
    fc.assert(
      fc.property(positions, (entries) => {
        const mark = formatMark(entries);
        expect(JSON.stringify(mark)).toBe(`"${mark}"`);
        expect(encodeURIComponent(mark)).toBe(mark);
      }),
    );
  });

  test("is never taken for a cursor, nor a cursor for a mark", () => {
    fc.assert(
      fc.property(positions, streamIds, fc.maxSafeNat(), (entries, streamId, offset) => {
        expect(parseCursor(formatMark(entries))).toBeUndefined();
        expect(parseMark(formatCursor(streamId, offset))).toBeUndefined();
      }),
    );
  });

  test("is read from any text without an exception, and holds safe integers only", () => {
    const nearlyMarks = fc.stringMatching(/^m([0-9a-zA-Z]{6,19}~?){0,4}$/);
    fc.assert(
      fc.property(fc.oneof(nearlyMarks, fc.string()), (text) => {
        for (const next of parseMark(text)?.values() ?? []) expect(Number.isSafeInteger(next)).toBe(true);
      }),
    );
  });

  test("names no more streams than its limit", () => {
    const entries = Array.from(
      { length: MARK_STREAMS_MAX + 1 },
      (_, i) => [i.toString(36).padStart(7, "0"), i] as const,
    );
    expect(parseMark(formatMark(entries.slice(1)))?.size).toBe(MARK_STREAMS_MAX);
    expect(parseMark(formatMark(entries))).toBeUndefined();
  });
});

describe("a since list", () => {
  const entry = fc.oneof(
    positions.map((streams) => ({ text: formatMark(streams), streams, isMark: true })),
    fc.tuple(streamIds, fc.nat()).map(([streamId, offset]) => ({
      text: formatCursor(streamId, offset),
      streams: [[streamId, offset + 1] as [string, number]],
      isMark: false,
    })),
  );

  test("joins to the greatest position of each stream, in whatever order it comes", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 10 }), (entries) => {
        const expected: Positions = new Map();
        for (const { streams } of entries) {
          for (const [id, next] of streams) expected.set(id, Math.max(next, expected.get(id) ?? 0));
        }
        const fromMark = entries.some((each) => each.isMark);
        const texts = entries.map((each) => each.text);
        expect(joinSince(texts)).toEqual({ positions: expected, fromMark });
        expect(joinSince(texts.toReversed())).toEqual({ positions: expected, fromMark });
      }),
    );
  });

  test("names its first entry that is neither a mark nor a cursor", () => {
    expect(joinSince(["m", "abcdef0:1", "nonsense", "worse"])).toEqual({ invalid: "nonsense" });
  });

  test("of a cursor goes on after that publication", () => {
    expect(joinSince(["abcdef0:41"])).toEqual({ positions: new Map([["abcdef0", 42]]), fromMark: false });
  });
});
