import { expect, test } from "bun:test";
import { BoundedQueue } from "./queue.ts";

test("items come out in order, whether the consumer waits or not", async () => {
  const queue = new BoundedQueue<{ n: number }>(10);
  const first = queue.next();
  for (const n of [1, 2, 3]) expect(queue.push({ n })).toBe(true);
  expect([await first, await queue.next(), await queue.next()].map((result) => result.value?.n)).toEqual([
    1, 2, 3,
  ]);
});

test("a full queue takes nothing and says so", async () => {
  const queue = new BoundedQueue<{ n: number }>(2);
  expect([1, 2, 3].map((n) => queue.push({ n }))).toEqual([true, true, false]);
  await queue.next();
  expect(queue.push({ n: 4 })).toBe(true);
});

test("after its end a queue hands out the rest, then its error once, then the end", async () => {
  const queue = new BoundedQueue<{ n: number }>(2);
  queue.push({ n: 1 });
  queue.end(new Error("over"));
  expect((await queue.next()).value).toEqual({ n: 1 });
  await expect(queue.next()).rejects.toThrow("over");
  expect((await queue.next()).done).toBe(true);
});

test("consumers that wait are told of the end", async () => {
  const queue = new BoundedQueue<{ n: number }>(2);
  const waiting = [queue.next(), queue.next()];
  queue.end();
  expect((await Promise.all(waiting)).map((result) => result.done)).toEqual([true, true]);
});
