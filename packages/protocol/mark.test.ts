import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatCursor, parseCursor } from "./cursor.ts";
import {
  formatMark,
  joinSince,
  MARK_CHARACTERS_MAX,
  MARK_STREAMS_MAX,
  MARK_TOO_LONG,
  type Positions,
  parseMark,
  shortenSince,
} from "./mark.ts";

const streamIds = fc.stringMatching(/^[0-9a-z]{7}$/);
const positions = fc.uniqueArray(fc.tuple(streamIds, fc.maxSafeNat()), {
  selector: ([id]) => id,
  maxLength: 20,
});

describe("a mark", () => {
  test("reads back as it was written", () => {
    fc.assert(
      fc.property(positions, (entries) => {
        const mark = formatMark(entries);
        expect(parseMark(mark)).toEqual(new Map(entries));
        expect(formatMark(entries.toReversed())).toBe(mark);
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
    const nearlyMarks = fc.stringMatching(/^m[0-9a-zA-Z_-]{0,60}~?$/);
    fc.assert(
      fc.property(fc.oneof(nearlyMarks, fc.string()), (text) => {
        for (const [streamId, next] of parseMark(text) ?? []) {
          expect(streamId).toMatch(/^[0-9a-z]{7}$/);
          expect(Number.isSafeInteger(next)).toBe(true);
        }
      }),
    );
  });

  test("of 4,000 busy streams fits its bound, and so a message of 64 KB", () => {
    const entries = Array.from({ length: 4000 }, (_, i) => {
      const id = (i * 2_654_435_761 * 7) % 36 ** 7;
      return [id.toString(36).padStart(7, "0"), 250_000_000 - i * 1000] as const;
    });
    expect(formatMark(entries).length).toBeLessThan(MARK_CHARACTERS_MAX);
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
        expect(joinSince(texts)).toEqual({ positions: expected, fromMark, tooLong: false });
        expect(joinSince(texts.toReversed())).toEqual({ positions: expected, fromMark, tooLong: false });
      }),
    );
  });

  test("names its first entry that is neither a mark nor a cursor", () => {
    expect(joinSince(["m", "abcdef0:1", "nonsense", "worse"])).toEqual({ invalid: "nonsense" });
  });

  test("of a cursor goes on after that publication", () => {
    expect(joinSince(["abcdef0:41"])).toEqual({
      positions: new Map([["abcdef0", 42]]),
      fromMark: false,
      tooLong: false,
    });
  });

  test("shortened says the same, in one entry where a mark is among them", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 10 }), (entries) => {
        const texts = entries.map((each) => each.text);
        const shortened = shortenSince(texts);
        expect(joinSince(shortened)).toEqual(joinSince(texts));
        if (entries.some((each) => each.isMark)) expect(shortened).toHaveLength(1);
      }),
    );
    expect(shortenSince(["m", "of a newer server"])).toEqual(["m", "of a newer server"]);
  });

  test("in which a position was too long to be told recovers nothing, whatever cursors stand beside it", () => {
    expect(parseMark(MARK_TOO_LONG)).toBeUndefined();
    expect(joinSince(["abcdef0:1", MARK_TOO_LONG])).toMatchObject({ tooLong: true, fromMark: true });
    expect(shortenSince(["abcdef0:1", MARK_TOO_LONG])).toEqual([MARK_TOO_LONG]);
  });
});
