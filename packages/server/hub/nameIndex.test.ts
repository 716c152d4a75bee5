import { expect, test } from "bun:test";
import fc from "fast-check";
import { NameIndex } from "./nameIndex.ts";

test("finds what begins with a prefix, in order, whatever was added and deleted", () => {
  const name = fc
    .tuple(fc.constantFrom("a.", "a.b.", "b.", ""), fc.nat(3000))
    .map(([head, n]) => `${head}${n}`);
  const steps = fc.array(fc.record({ name, isDeleted: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(fc.nat(3000), steps, name, (count, changes, after) => {
      const index = new NameIndex<{ readonly name: string }>();
      const items = new Map<string, { readonly name: string }>();
      const add = (added: string): void => {
        if (items.has(added)) return;
        const item = { name: added };
        items.set(added, item);
        index.add(item);
      };
      // Enough for several buckets, in an order that is none.
      for (let i = 0; i < count; i++) add(`a.${(i * 7919) % 3001}`);
      for (const { name: changed, isDeleted } of changes) {
        const item = items.get(changed);
        if (!isDeleted) add(changed);
        else if (item !== undefined) {
          index.delete(item);
          items.delete(changed);
        }
      }
      for (const prefix of ["a.", "a.b.", "b.", ""]) {
        const expected = [...items.keys()].filter((each) => each.startsWith(prefix)).sort();
        expect([...index.withPrefix(prefix)].map((item) => item.name)).toEqual(expected);
        expect([...index.withPrefix(prefix, after)].map((item) => item.name)).toEqual(
          expected.filter((each) => each > after),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("what is not there is deleted in vain", () => {
  const index = new NameIndex<{ readonly name: string }>();
  index.delete({ name: "a" });
  const item = { name: "a" };
  index.add(item);
  index.delete({ name: "a" });
  expect([...index.withPrefix("")]).toEqual([item]);
});
