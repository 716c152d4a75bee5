import { expect, test } from "bun:test";
import fc from "fast-check";
import { assignPartitions, type GroupMemberView, partitionKey, type TopicPartition } from "./assign.ts";

test("partitions are shared out evenly", () => {
  const shares = assignPartitions([member("a"), member("b"), member("c")], partitions(7));
  expect([...shares.values()].map(({ length }) => length).sort()).toEqual([2, 2, 3]);
});

test("what has to move is in nobody's share until its owner has given it up", () => {
  const all = partitions(4);
  const first = assignPartitions([member("a", all), member("b")], all);
  expect(first.get("a")).toHaveLength(2);
  expect(first.get("b")).toEqual([]);
  const kept = first.get("a") ?? [];
  const second = assignPartitions([member("a", kept), member("b")], all);
  expect(second.get("a")).toEqual(kept);
  expect(second.get("b")).toHaveLength(2);
});

test("of two members that claim a partition the newer generation owns it", () => {
  const [only] = partitions(1);
  if (only === undefined) throw new Error("no partition");
  const shares = assignPartitions([member("a", [only], 3), member("b", [only], 4)], [only]);
  expect(shares.get("a")).toEqual([]);
  expect(shares.get("b")).toEqual([only]);
});

test("a partition goes only to members that read its topic", () => {
  const shares = assignPartitions([member("a", [], 1, ["other"]), member("b")], partitions(3));
  expect(shares.get("a")).toEqual([]);
  expect(shares.get("b")).toHaveLength(3);
});

test("whatever members come and go, the group settles: evenly, each partition once, no needless move", () => {
  const changes = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 7 })), { maxLength: 12 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), changes, (count, steps) => {
      const all = partitions(count);
      const owned = new Map<string, TopicPartition[]>([["m0", []]]);
      for (const [joins, index] of steps) {
        if (joins) owned.set(`m${index}`, owned.get(`m${index}`) ?? []);
        else if (owned.size > 1) owned.delete(`m${index}`);
        // A round that moves something needs a second one; no group needs more than three.
        for (let round = 0; round < 3; round++) rebalance(owned, all);
        const before = JSON.stringify([...owned].sort());
        rebalance(owned, all);
        expect(JSON.stringify([...owned].sort())).toBe(before);
        const keys = [...owned.values()].flat().map(partitionKey).sort();
        expect(keys).toEqual(all.map(partitionKey).sort());
        const sizes = [...owned.values()].map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

function rebalance(owned: Map<string, TopicPartition[]>, all: readonly TopicPartition[]): void {
  const former = new Map(owned);
  const shares = assignPartitions(
    [...owned].map(([id, list]) => member(id, list)),
    all,
  );
  for (const [id, share] of shares) {
    for (const partition of share) {
      for (const [other, list] of former) {
        // No partition has two owners at any time.
        if (other !== id) expect(list.map(partitionKey)).not.toContain(partitionKey(partition));
      }
    }
    owned.set(id, share);
  }
}

function member(
  id: string,
  owned: readonly TopicPartition[] = [],
  generation = 1,
  topics = ["t"],
): GroupMemberView {
  return { id, topics, owned, generation };
}

function partitions(count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic: "t", partition }));
}
