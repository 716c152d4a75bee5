import { describe, expect, test } from "bun:test";
import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { isJsonText, JSON_DEPTH_MAX } from "./jsonText.ts";

describe("the JSON check", () => {
  test("every JSON text passes, however it is spaced", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("", " ", "\n\t"), (value, indent) => {
        expect(isJsonText(Buffer.from(JSON.stringify(value, null, indent)))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("it agrees with JSON.parse on JSON with flipped, lost and added bytes", () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.constantFrom("set", "cut", "add"),
      fc.constantFrom(...'[]{},:"\\u0-+.eE1tn \n'),
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(edit, { minLength: 1, maxLength: 3 }), (value, edits) => {
        let text = JSON.stringify(value);
        for (const [place, kind, character] of edits) {
          const at = place % (text.length + 1);
          text =
            text.slice(0, at) + (kind === "cut" ? "" : character) + text.slice(kind === "add" ? at : at + 1);
        }
        expectAgreement(Buffer.from(text));
      }),
      { numRuns: 5000 },
    );
  });

  test("it agrees with JSON.parse on strings of JSON's own characters", () => {
    const text = fc.array(fc.constantFrom(...'[]{},:"\\u0a-+.eE19', "true", "null", "1e5", '"a":'), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(text, (parts) => expectAgreement(Buffer.from(parts.join("")))),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["", false],
    ["\ufeff{}", false],
    ["01", false],
    ["-", false],
    ["1.", false],
    [".5", false],
    ["-0.0e-0", true],
    ['"\\ud800"', true],
    ['"\u2028"', true],
    ['"\n"', false],
    ['"\\x"', false],
    ['{"a":1,"a":2}', true],
    ['{"a":1,}', false],
    ["[1,]", false],
    ["{} {}", false],
    [" \r\n\t[ ] \n", true],
    ["NaN", false],
  ])("%j: %p", (text, isJson) => {
    expect(isJsonText(Buffer.from(text))).toBe(isJson);
  });

  test("nesting is allowed to a depth, and no deeper", () => {
    const nested = (depth: number): Buffer => Buffer.from("[".repeat(depth) + "]".repeat(depth));
    expect(isJsonText(nested(JSON_DEPTH_MAX))).toBe(true);
    expect(isJsonText(nested(JSON_DEPTH_MAX + 1))).toBe(false);
    expect(isJsonText(nested(1_000_000))).toBe(false);
  });
});

function expectAgreement(bytes: Buffer): void {
  if (!isUtf8(bytes)) return;
  let parses = true;
  try {
    JSON.parse(bytes.toString());
  } catch {
    parses = false;
  }
  expect([bytes.toString(), isJsonText(bytes)]).toEqual([bytes.toString(), parses]);
}
