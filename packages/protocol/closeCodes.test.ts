import { expect, test } from "bun:test";
import { ABNORMAL_CLOSE, CLOSE_CODES, isFinalClose, TOKEN_EXPIRED_CLOSE } from "./closeCodes.ts";

test("each close code has one meaning", () => {
  const codes = Object.values(CLOSE_CODES).map((meaning) => meaning.code);
  expect(new Set(codes).size).toBe(codes.length);
});

test("what clients know of them is what the table says", () => {
  expect(ABNORMAL_CLOSE).toBe(CLOSE_CODES.abnormal.code);
  expect(TOKEN_EXPIRED_CLOSE).toBe(CLOSE_CODES.tokenExpired.code);
  for (const { code, comeBack } of Object.values(CLOSE_CODES)) expect(isFinalClose(code)).toBe(!comeBack);
});
