import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseTemplate, TemplateError } from "./template.ts";

describe("channel templates", () => {
  test("placeholders and literal text", () => {
    expect(parseTemplate("x-{key}.{topic}:{partition}.{header.A-b}.{value.a.b}").parts).toEqual([
      { kind: "literal", text: "x-" },
      { kind: "key" },
      { kind: "literal", text: "." },
      { kind: "topic" },
      { kind: "literal", text: ":" },
      { kind: "partition" },
      { kind: "literal", text: "." },
      { kind: "header", name: "A-b" },
      { kind: "literal", text: "." },
      { kind: "value", path: ["a", "b"] },
    ]);
  });

  test.each([
    ["", 0, "is empty"],
    ["{key", 0, 'has no "}"'],
    ["a.{keys}", 2, "{keys} is not known; there are {topic}"],
    ["a.{value}", 2, "write {value.NAME}"],
    ["{header.}", 0, "is not known"],
    ["{value.a..b}", 0, "empty"],
    ["{value.}", 0, "empty"],
    ["a b", 1, '" " may not stand'],
    ["a}", 1, "may not stand"],
    ["{key}.*", 6, "may not stand"],
    ["{key}..x", 5, "between two dots"],
    [".{key}", 0, "begin with a dot"],
    ["{key}.", 5, "end with a dot"],
    ["x".repeat(256), 0, "at most 255 bytes"],
  ])("%j is refused at character %d: %s", (template, position, fault) => {
    try {
      parseTemplate(template);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      expect(error.position).toBe(position);
      expect(error.message).toContain(fault);
      expect(error.message).toContain(`character ${position + 1}`);
      return;
    }
    throw new Error("was not refused");
  });

  test("whatever text comes is a template or a TemplateError inside it", () => {
    const text = fc
      .array(fc.constantFrom("{", "}", "key", ".", "value", "header", "a", " "))
      .map((a) => a.join(""));
    fc.assert(
      fc.property(text, (text) => {
        try {
          expect(parseTemplate(text).parts.length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
          expect(error.position).toBeLessThanOrEqual(text.length);
        }
      }),
    );
  });
});
