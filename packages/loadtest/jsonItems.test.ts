import { expect, test } from "bun:test";
import fc from "fast-check";
import { jsonItems } from "./jsonItems.ts";

test("the items of any array are found, whatever stands in their texts", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (values) => {
      const bytes = new TextEncoder().encode(JSON.stringify(values));
      const items = [...jsonItems(bytes)].map(([start, end]) =>
        JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))),
      );
      expect(JSON.stringify(items)).toBe(JSON.stringify(values));
    }),
  );
});
