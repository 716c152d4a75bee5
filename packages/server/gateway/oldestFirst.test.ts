import { expect, test } from "bun:test";
import fc from "fast-check";
import { OldestFirst } from "./oldestFirst.ts";

test("whatever the order in which they came, the oldest is taken first", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (numbers) => {
      const queue = new OldestFirst<{ number: number }>();
      for (const number of numbers) queue.add(number, { number });
      const taken: number[] = [];
      for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item.number);
      expect(taken).toEqual([...numbers].sort((a, b) => a - b));
    }),
  );
});

test("what is in it already is not added again, and can be once it was taken", () => {
  const queue = new OldestFirst<string>();
  queue.add(2, "b");
  queue.add(1, "a");
  queue.add(1, "a");
  expect([queue.take(), queue.take(), queue.take()]).toEqual(["a", "b", undefined]);
  queue.add(1, "a");
  expect(queue.take()).toBe("a");
});
