import { expect, test } from "bun:test";
import fc from "fast-check";
import { PermitBook, type Permits, type PermitUse, sharePermits } from "./permits.ts";

test("each may hold what it holds and an even share of what is left", () => {
  expect(sharePermits(10, [0, 0, 0], 100)).toEqual([4, 3, 3]);
  expect(sharePermits(10, [6, 1], 100)).toEqual([8, 2]);
  expect(sharePermits(5, [4, 3], 100)).toEqual([4, 3]);
});

test("none may hold more than a shard can, and what it can not goes to the others", () => {
  expect(sharePermits(30, [10, 0, 0], 12)).toEqual([12, 10, 8]);
  expect(sharePermits(100, [10, 0], 12)).toEqual([12, 12]);
  const book = new PermitBook(20, 2, 15);
  const uses = { held: 10, permitsNumber: 1 };
  book.next([uses, undefined]);
  expect(book.next([uses, { held: 0, permitsNumber: 1 }])[0]?.count).toBeLessThanOrEqual(15);
});

test("permits follow the clients, as soon as those who lose them know", () => {
  const book = new PermitBook(100, 2);
  expect([book.start(0).count, book.start(1).count]).toEqual([50, 50]);
  const next = (first: PermitUse, second: PermitUse) => book.next([first, second]).map(({ count }) => count);
  // The second shard has not said that it knows of its loss: the first gets nothing of it yet.
  expect(next({ held: 50, permitsNumber: 0 }, { held: 0, permitsNumber: 0 })).toEqual([50, 25]);
  expect(next({ held: 50, permitsNumber: 1 }, { held: 0, permitsNumber: 0 })).toEqual([50, 25]);
  expect(next({ held: 50, permitsNumber: 2 }, { held: 10, permitsNumber: 2 })).toEqual([70, 30]);
});

test("whatever happens between two beats, the shards never hold more than the cap together", () => {
  // Each step: a shard takes or loses clients, its beat is sent or arrives, the supervisor speaks, or is heard.
  const step = fc.record({
    shard: fc.integer({ min: 0, max: 2 }),
    what: fc.constantFrom("connect", "close", "beat", "arrive", "hear", "tick", "restart"),
    count: fc.integer({ min: 1, max: 60 }),
  });
  const steps = fc.array(step, { minLength: 50, maxLength: 300, size: "max" });
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 100 }), steps, (cap, all) => {
      const book = new PermitBook(cap, 3);
      const begin = (index: number) => ({
        connections: 0,
        permits: book.start(index),
        unheard: [] as Permits[],
        beats: [] as PermitUse[],
        told: undefined as PermitUse | undefined,
      });
      const shards = [begin(0), begin(1), begin(2)];
      for (const { shard: index, what, count } of all) {
        const shard = shards[index];
        if (shard === undefined) continue;
        const { connections, permits, unheard, beats } = shard;
        if (what === "connect" && connections < permits.count) {
          shard.connections = Math.min(permits.count, connections + count);
        } else if (what === "close") shard.connections = Math.max(0, connections - count);
        else if (what === "beat") beats.push({ held: connections, permitsNumber: permits.number });
        else if (what === "arrive") shard.told = beats.shift() ?? shard.told;
        else if (what === "hear") shard.permits = unheard.shift() ?? permits;
        else if (what === "restart") shards[index] = begin(index);
        else if (what === "tick") {
          const next = book.next(shards.map(({ told }) => told));
          next.forEach((sent, at) => void shards[at]?.unheard.push(sent));
        }
        const held = shards.reduce((sum, shard) => sum + shard.connections, 0);
        expect(held).toBeLessThanOrEqual(cap);
      }
    }),
    { numRuns: 300 },
  );
});
