import { expect, test } from "bun:test";
import type { TopicPartition } from "./assign.ts";
import { GroupLeader } from "./groupLeader.ts";
import { decodeShare, encodeSubscription } from "./groupMessages.ts";

const BUS = "one";

/** A leader that reads the topic `a`, in a cluster with so many partitions of these topics. */
function leaderOf(counts: Readonly<Record<string, number>>) {
  const told: number[] = [];
  const topics = async (names: readonly string[]) =>
    new Map(
      names.map((name) => [name, { name, id: name, leaders: new Array<number>(counts[name] ?? 0).fill(0) }]),
    );
  const leader = new GroupLeader({
    ...{ cluster: { topics }, topics: ["a"], busName: BUS },
    strangers: (count) => void told.push(count),
  });
  return { leader, told };
}

function member(
  memberId: string,
  topics: readonly string[],
  {
    owned = [],
    generation = 1,
    busName = BUS,
  }: { owned?: number[]; generation?: number; busName?: string } = {},
) {
  const own = owned.map((partition) => ({ topic: "a", partition }));
  return { memberId, metadata: encodeSubscription({ topics, busName, owned: own, generation }) };
}

function partitions(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

test("each member gets a share of the topics that it asked for, and keeps what it has", async () => {
  const { leader } = leaderOf({ a: 3, b: 1 });
  const shares = await leader.share([member("x", ["a"], { owned: [1, 2] }), member("y", ["a", "b"])]);
  const names = shares.map(({ memberId, assignment }) => [
    memberId,
    ...decodeShare(assignment)
      .map(({ topic, partition }) => `${topic}/${partition}`)
      .sort(),
  ]);
  expect(names).toEqual([
    ["x", "a/1", "a/2"],
    ["y", "a/0", "b/0"],
  ]);
});

test("of two members that claim one partition the one of the newer generation keeps it", async () => {
  const { leader } = leaderOf({ a: 2 });
  const members = [
    member("x", ["a"], { owned: [0], generation: 4 }),
    member("y", ["a"], { owned: [0], generation: 5 }),
  ];
  const shares = await leader.share(members);
  expect(shares.map(({ assignment }) => decodeShare(assignment).map(({ partition }) => partition))).toEqual([
    [1],
    [0],
  ]);
});

test("what was shared out is out of date when a partition of a topic of its own comes or goes", async () => {
  const { leader } = leaderOf({ a: 2, b: 1 });
  // Nothing was shared out yet.
  expect(leader.isOutdated(partitions("a", 3))).toBe(false);
  await leader.share([member("x", ["a"]), member("y", ["b"])]);
  expect(leader.isOutdated(partitions("a", 2).reverse())).toBe(false);
  expect(leader.isOutdated(partitions("a", 3))).toBe(true);
  expect(leader.isOutdated([])).toBe(true);
  leader.begin();
  expect(leader.isOutdated(partitions("a", 3))).toBe(false);
});

test("a leader that came back, and does not know what it shared out, shares out anew once it sees partitions", () => {
  const { leader } = leaderOf({ a: 2 });
  leader.keep();
  expect(leader.isOutdated(partitions("a", 2))).toBe(true);
});

test("members that publish to another bus are told when their number changes, none once another member leads", async () => {
  const { leader, told } = leaderOf({ a: 2 });
  const own = member("x", ["a"]);
  const stranger = member("y", ["a"], { busName: "another" });
  await leader.share([own]);
  await leader.share([own, stranger]);
  await leader.share([own, stranger]);
  expect(told).toEqual([1]);
  leader.resign();
  leader.resign();
  expect(told).toEqual([1, 0]);
});

test("a member that says nothing of its bus is a stranger", async () => {
  const { leader, told } = leaderOf({ a: 2 });
  const silent = encodeSubscription({ topics: ["a"], busName: undefined, owned: [], generation: -1 });
  await leader.share([member("x", ["a"]), { memberId: "y", metadata: silent }]);
  expect(told).toEqual([1]);
});
