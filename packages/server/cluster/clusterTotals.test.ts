import { expect, test } from "bun:test";
import { ClusterTotals, type Totals } from "./clusterTotals.ts";
import { ClusterView } from "./clusterView.ts";
import { seenInstance } from "./seen.fixture.ts";

const { ageMs: _, isSilent: __, isSelf: ___, ...BASE } = seenInstance({ id: "a" });
const ANNOUNCE_MS = 2000;

/** What is told every `lookMs` of a cluster in which each of `a`, `b` and `c` has the share that it announces. */
function told(
  shareOf: (id: string, atMs: number) => number | undefined,
  untilMs: number,
  lookMs = 500,
): Totals[] {
  const view = new ClusterView("boot-a");
  const totals = new ClusterTotals();
  const all: Totals[] = [];
  for (let atMs = 0; atMs <= untilMs; atMs += 100) {
    for (const [index, id] of ["a", "b", "c"].entries()) {
      const share = (atMs - index * 700) % ANNOUNCE_MS === 0 ? shareOf(id, atMs) : undefined;
      if (share === undefined) continue;
      const announced = {
        ...BASE,
        id,
        boot: `boot-${id}`,
        connections: share,
        deliveriesPerSecond: 10 * share,
      };
      view.take(announced, atMs, atMs);
    }
    if (atMs % lookMs === 0) all.push(totals.take(view.instances(atMs), atMs));
  }
  return all;
}

test.each([0, 300, 600, 900, 1200, 1500, 1800])(
  "what an instance had that is killed %d ms after 10 s is in no sum twice while others have it",
  (afterMs) => {
    const killedMs = 10_000 + afterMs;
    const shareOf = (id: string, atMs: number) => {
      if (id === "c") return atMs < killedMs ? 1000 : undefined;
      return id === "b" && atMs > killedMs + 300 ? 2000 : 1000;
    };
    const later = told(shareOf, 30_000).slice(10);
    expect(later.filter(({ connections }) => connections !== 3000)).toEqual([]);
    expect(later.filter(({ deliveriesPerSecond }) => deliveriesPerSecond !== 30_000)).toEqual([]);
    expect(later.at(-1)).toMatchObject({ instances: 2, shards: 4, connectionsMax: 2000 });
  },
);

test("clients that leave are told at once, and those that come once everybody has spoken, however often one looks", () => {
  const shareOf = (id: string, atMs: number) => (id === "b" && atMs > 10_000 && atMs < 20_000 ? 3000 : 1000);
  for (const lookMs of [100, 500, 2000]) {
    const sums = told(shareOf, 30_000, lookMs).map(({ connections }) => connections);
    // b tells of them at 10.7 s, and of their going at 20.7 s.
    expect(sums[Math.ceil(15_000 / lookMs)]).toBe(5000);
    expect(sums[Math.ceil(20_700 / lookMs)]).toBe(3000);
  }
});

test("an instance that is alone is told as it is", () => {
  const totals = new ClusterTotals();
  const sums = [0, 5, 50, 7].map(
    (connections, index) =>
      totals.take([seenInstance({ id: "a", isSelf: true, connections })], index * 10).connections,
  );
  expect(sums).toEqual([0, 5, 50, 7]);
});
