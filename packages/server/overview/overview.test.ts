import { expect, test } from "bun:test";
import { ANNOUNCEMENT_BYTES_MAX, decodeAnnouncement, encodeAnnouncement } from "../cluster/announcement.ts";
import { ClusterView, type SeenInstance } from "../cluster/clusterView.ts";
import type { HealthReport } from "../health.ts";
import type { ShardStats } from "../supervisor/ipc.ts";
import { instanceVitals } from "../vitals/instanceVitals.ts";
import { NO_VITALS } from "../vitals/shardVitals.fixture.ts";
import { COLUMNS, type HistoryColumn } from "./columns.ts";
import { findingsOf } from "./findings.ts";
import { ClusterHistory, SAMPLE_MS, SAMPLES_MAX } from "./history.ts";
import { LostInstances } from "./lostInstances.ts";
import { overviewOf, syntheticOverview } from "./overview.fixture.ts";
import { TopChannels } from "./topChannels.ts";

const STATS: ShardStats = {
  ...{
    connections: 10,
    subscriptions: 0,
    permitsNumber: 0,
    publications: 0,
    deliveries: 0,
    rssBytes: 100,
    cpuShare: 0.5,
  },
  ...{ busState: "connected", busLagMs: 1, gaps: 2, repairs: 3, oldestHoldMs: 0, streamsReadForward: 0 },
  ...{ streamsUnfollowed: 0, streamsWaitingForLog: 0, sourceState: "reading", groupStrangers: 0 },
  ...{ tokenKeys: "none", vitals: NO_VITALS },
};
const REPORT: HealthReport = {
  ...{ status: "degraded", instance: "a" },
  checks: {
    shards: { status: "degraded", value: 1, limit: 2, message: "1 shard(s) are not ready" },
    bus: { status: "ok", value: "connected" },
  },
  shards: [
    { shard: 0, pid: 1, state: "ready", connections: 10, restarts: 0 },
    { shard: 1, pid: undefined, state: "down", connections: 0, restarts: 3 },
  ],
};

function seen(other: Partial<SeenInstance>): SeenInstance {
  return {
    ...{ v: 1, boot: "boot-a", id: "a", region: "r", role: "all", version: "1", sentMs: 0, startedMs: 0 },
    ...{ status: "ok", isLeaving: false, shards: 2, shardsReady: 2, connections: 10, connectionsMax: 100 },
    ...{ publicationsPerSecond: 5, deliveriesPerSecond: 50, cpuShare: 0.5, rssBytes: 100, settings: {} },
    ...{ ageMs: 0, isSilent: false, isSelf: true, vitals: instanceVitals(REPORT, [STATS, undefined]) },
    ...other,
  };
}

test("a cluster of fifty that is well has nothing to find, and a full quarter of an hour to show", async () => {
  const { status, findings, instances, history } = await syntheticOverview({
    instances: 50,
    isIll: false,
  }).tell(0);
  expect({ status, findings }).toEqual({ status: "ok", findings: [] });
  expect(instances).toHaveLength(50);
  expect(history.samples).toHaveLength(SAMPLES_MAX);
  expect(history.samples.every((sample) => sample.length === COLUMNS.length)).toBe(true);
});

test("what is wrong is told, the worst first, with who has it", async () => {
  const { status, findings, lost } = await syntheticOverview({ instances: 50, isIll: true }).tell(0);
  expect(status).toBe("unhealthy");
  expect(findings.map(({ level, code, instances }) => [level, code, instances])).toEqual([
    ["unhealthy", "saturation", ["gw-eu-12"]],
    ["unhealthy", "lost", ["gw-us-49"]],
    ["degraded", "shards", ["gw-eu-03"]],
    ["degraded", "settings_differ", ["gw-us-07"]],
  ]);
  expect(findings[0]?.message).toStartWith("5210 ms that");
  expect(lost).toMatchObject([{ id: "gw-us-49" }]);
});

test("who has the last samples is sent the later ones alone", async () => {
  const keeper = syntheticOverview({ instances: 1, isIll: false });
  const { history } = await keeper.tell(0);
  const lastMs = history.samples.at(-1)?.[0] ?? 0;
  expect((await keeper.tell(lastMs)).history.samples).toEqual([]);
  keeper.sample(lastMs + SAMPLE_MS);
  expect((await keeper.tell(lastMs)).history.samples).toHaveLength(1);
});

test("what many instances say in the same words is one finding", () => {
  const ids = ["a", "b", "c"];
  const instances = ids.map((id) => seen({ id, boot: id, status: "degraded" }));
  expect(findingsOf(instances, [], [])).toEqual([
    { level: "degraded", code: "shards", message: "1 shard(s) are not ready", instances: ids },
  ]);
});

test("an instance that can not say why, and one that is silent, are found all the same", () => {
  const { vitals, ...untold } = seen({ status: "unhealthy" });
  expect(vitals).toBeDefined();
  expect(findingsOf([untold], [], [])).toMatchObject([{ level: "unhealthy", code: "unexplained" }]);
  expect(findingsOf([seen({ ageMs: 6000, isSilent: true })], [], [])).toMatchObject([
    { level: "degraded", code: "silent" },
  ]);
});

test("an instance that is taken out is one finding, and no alarm", () => {
  const { vitals } = seen({});
  if (vitals === undefined) throw new Error("it tells nothing");
  const problems = [
    { check: "draining", status: "unhealthy" as const, value: "yes", message: "being taken out" },
    { check: "source", status: "degraded" as const, value: "released", message: "reads nothing" },
  ];
  const draining = seen({ status: "unhealthy", vitals: { ...vitals, problems } });
  expect(findingsOf([draining], [], [])).toMatchObject([{ level: "degraded", code: "draining" }]);
});

test("counters are told by their growth; a restart counts from nought", () => {
  const history = new ClusterHistory();
  const vitals = instanceVitals(REPORT, [STATS, undefined]);
  const take = (boot: string, repairs: number, atMs: number) =>
    history.take([seen({ boot, vitals: { ...vitals, repairs } })], atMs);
  take("one", 10, 1);
  take("one", 14, 2);
  take("two", 3, 3);
  take("two", 5, 4);
  const column = COLUMNS.indexOf("repairs");
  expect(history.samplesAfter(0).map((sample) => sample[column] ?? null)).toEqual([0, 4, 0, 2]);
});

type Announced = Partial<Pick<SeenInstance, "connections" | "deliveriesPerSecond" | "cpuShare" | "vitals">>;

/** What a chart shows of a cluster of three instances whose announcements come as they do: every 2 s, each at a time of its own. */
function chartOf(
  announced: (id: string, atMs: number) => Announced | undefined,
  untilMs: number,
  column: HistoryColumn = "connections",
): number[] {
  const history = new ClusterHistory();
  const view = new ClusterView("a");
  const { ageMs: _, isSilent: __, isSelf: ___, ...base } = seen({});
  for (let atMs = 0; atMs <= untilMs; atMs += 100) {
    for (const [index, id] of ["a", "b", "c"].entries()) {
      const told = (atMs - index * 700) % 2000 === 0 ? announced(id, atMs) : undefined;
      if (told !== undefined) view.take({ ...base, id, boot: id, ...told }, atMs, atMs);
    }
    if (atMs % SAMPLE_MS === 0) history.take(view.instances(atMs), atMs + 1);
  }
  const index = COLUMNS.indexOf(column);
  return history.samplesAfter(0).map((sample) => sample[index] ?? Number.NaN);
}

const KILLED_MS = Array.from({ length: 20 }, (_, index) => 20_000 + index * 100);
/** A share that an instance has, and what it tells of itself while it has that. */
const SHARES: readonly [HistoryColumn, (share: number) => Announced][] = [
  ["connections", (connections) => ({ connections })],
  ["deliveriesPerSecond", (deliveriesPerSecond) => ({ deliveriesPerSecond })],
  ["cpuShare", (cpuShare) => ({ cpuShare })],
  ["kafkaLag", (kafkaLag) => ({ vitals: { ...instanceVitals(REPORT, [STATS, undefined]), kafkaLag } })],
];

test.each(SHARES.flatMap(([column, told]) => KILLED_MS.map((killedMs) => [column, killedMs, told] as const)))(
  "%s of an instance that is killed at %d ms are in no sample twice, wherever they come back at once",
  (column, killedMs, told) => {
    // 300 ms later all of them are on a.
    const shareOf = (id: string, atMs: number) => {
      if (id === "c") return atMs < killedMs ? told(1000) : undefined;
      return told(id === "a" && atMs >= killedMs + 300 ? 2000 : 1000);
    };
    const chart = chartOf(shareOf, 40_000, column);
    expect(chart.slice(5).filter((sum) => sum !== 3000)).toEqual([]);
    expect(Math.max(...chart)).toBe(3000);
  },
);

test("clients that nobody takes in again are gone from the sum once their instance is silent", () => {
  const chart = chartOf(
    (id, atMs) => (id === "c" && atMs > 20_000 ? undefined : { connections: 1000 }),
    30_000,
  );
  expect(chart.at(9)).toBe(3000);
  // Last heard of at 19.4 s; at 24 s it is not yet silent, and at 26 s it is.
  expect(chart.slice(12, 14)).toEqual([3000, 2000]);
  expect(chart.at(-1)).toBe(2000);
});

test("clients that come are shown once everybody has spoken, and those that go at once", () => {
  const chart = chartOf(
    (id, atMs) => ({ connections: id === "b" && atMs >= 10_000 && atMs < 20_000 ? 5000 : 1000 }),
    30_000,
  );
  expect(chart.indexOf(7000) * SAMPLE_MS).toBeLessThanOrEqual(14_000);
  expect(chart.lastIndexOf(7000) * SAMPLE_MS).toBe(20_000);
});

test("a peak that one announcement tells of is shown, in its full height", () => {
  const told = (id: string, atMs: number) => ({
    deliveriesPerSecond: id === "b" && atMs >= 10_000 && atMs < 12_000 ? 5000 : 1000,
  });
  const chart = chartOf(told, 30_000, "deliveriesPerSecond");
  expect(chart.filter((sum) => sum === 7000)).toHaveLength(1);
});

test("what an instance that is silent last said of its partitions is told no more", async () => {
  const stream = { name: "trades/0", shard: 0, lag: 5 };
  const vitals = { ...instanceVitals(REPORT, [STATS, undefined]), streams: [stream], streamsTotal: 1 };
  const dead = seen({ id: "b", boot: "b", ageMs: 6000, isSilent: true, isSelf: false, vitals });
  const { streams } = await overviewOf(() => [seen({ vitals }), dead]).tell(0);
  expect(streams).toEqual({ most: [{ ...stream, instance: "a" }], total: 1 });
});

test("an instance that is alone shows its clients at once", () => {
  const history = new ClusterHistory();
  for (const [index, connections] of [0, 5, 50, 7].entries())
    history.take([seen({ connections, ageMs: 1900 })], 1 + index * SAMPLE_MS);
  const column = COLUMNS.indexOf("connections");
  expect(history.samplesAfter(0).map((sample) => sample[column] ?? null)).toEqual([0, 5, 50, 7]);
});

test("an instance that left in order is not lost; one that fell silent is, until it is back", () => {
  const lost = new LostInstances(60_000);
  lost.look([seen({ id: "a", boot: "a", ageMs: 900 }), seen({ id: "b", boot: "b", ageMs: 9_500 })], 10_000);
  lost.look([], 12_000);
  expect(lost.all).toEqual([{ id: "b", region: "r", connections: 10, lastHeardMs: 500 }]);
  lost.look([seen({ id: "b", boot: "b2" })], 14_000);
  expect(lost.all).toEqual([]);
});

test("a lost instance is told for a while, and then forgotten", () => {
  const lost = new LostInstances(60_000);
  lost.look([seen({ ageMs: 9_500 })], 10_000);
  lost.look([], 12_000);
  lost.look([], 60_000);
  expect(lost.all).toHaveLength(1);
  lost.look([], 61_000);
  expect(lost.all).toEqual([]);
});

test("vitals fit into an announcement however many shards and partitions an instance has", () => {
  const streams = Array.from({ length: 64 }, (_, lag) => ({ name: `${"t".repeat(240)}/${lag}`, lag }));
  const stats = Array.from({ length: 256 }, () => ({
    ...STATS,
    vitals: { ...NO_VITALS, streams, streamsTotal: 500, kafkaLag: 10 },
  }));
  const shards = stats.map((_, shard) => ({ ...REPORT.shards[0], shard })) as HealthReport["shards"];
  const vitals = instanceVitals({ ...REPORT, shards }, stats);
  expect(vitals).toMatchObject({ streamsTotal: 128_000, kafkaLag: 2560 });
  const { ageMs, isSilent, isSelf, ...announcement } = seen({ vitals });
  expect({ ageMs, isSilent, isSelf }).toEqual({ ageMs: 0, isSilent: false, isSelf: true });
  const bytes = encodeAnnouncement(announcement);
  expect(bytes.length).toBeLessThan(ANNOUNCEMENT_BYTES_MAX);
  expect(decodeAnnouncement(bytes)).toEqual(announcement);
});

test("channels are ranked by what they grew, and shards are not asked for each look", async () => {
  let asked = 0;
  const top = new TopChannels(async () => {
    asked += 1;
    const grown = asked === 1 ? 0 : 100;
    return {
      channels: [
        { channel: "calm", subscribers: 5, messages: 9, total: 50 },
        { channel: "busy", subscribers: 1, messages: 9, total: 50 + grown },
      ],
    };
  });
  expect((await top.now(0)).map(({ messagesPerSecond }) => messagesPerSecond)).toEqual([0, 0]);
  await top.now(1000);
  expect(asked).toBe(1);
  expect(await top.now(10_000)).toEqual([
    { channel: "busy", subscribers: 1, messages: 9, messagesPerSecond: 10 },
    { channel: "calm", subscribers: 5, messages: 9, messagesPerSecond: 0 },
  ]);
});
