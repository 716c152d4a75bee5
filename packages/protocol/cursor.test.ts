import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatCursor, parseCursor } from "./cursor.ts";

const streamIds = fc.stringMatching(/^[0-9a-z]{7}$/);

test("a cursor reads back as it was written", () => {
  fc.assert(
    fc.property(streamIds, fc.maxSafeNat(), (streamId, offset) => {
      expect(parseCursor(formatCursor(streamId, offset))).toEqual({ streamId, offset });
    }),
  );
});

test("whatever is read as a cursor is written in one way only", () => {
  const nearlyCursors = fc.stringMatching(/^[0-9a-zA-Z]{6,8}:[-+ 0]?[0-9]{1,17}\n?$/);
  fc.assert(
    fc.property(fc.oneof(nearlyCursors, fc.string()), (text) => {
      const cursor = parseCursor(text);
      if (cursor !== undefined) expect(formatCursor(cursor.streamId, cursor.offset)).toBe(text);
    }),
  );
});

test("offsets that no number holds exactly are refused", () => {
  expect(parseCursor(`abcdef0:${Number.MAX_SAFE_INTEGER}`)?.offset).toBe(Number.MAX_SAFE_INTEGER);
  expect(parseCursor("abcdef0:9007199254740992")).toBeUndefined();
  expect(parseCursor("abcdef0:1e3")).toBeUndefined();
  expect(parseCursor("abcdef0:-1")).toBeUndefined();
  expect(parseCursor("abcdef0:01")).toBeUndefined();
  expect(parseCursor("abcdef0:")).toBeUndefined();
});
