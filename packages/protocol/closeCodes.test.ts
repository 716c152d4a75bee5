import { expect, test } from "bun:test";
import { CLOSE_CODES } from "./closeCodes.ts";

test("each close code has one meaning", () => {
  const codes = Object.values(CLOSE_CODES).map((meaning) => meaning.code);
  expect(new Set(codes).size).toBe(codes.length);
});
