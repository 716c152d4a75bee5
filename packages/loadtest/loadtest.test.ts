import { describe, expect, test } from "bun:test";
import { startInstance } from "../../test/instance.fixture.ts";
import { kafkaAvailable, sharedKafka } from "../../test/services/kafka.ts";
import { KafkaFixture } from "../../test/services/kafkaFixture.ts";
import { natsAvailable, startNats } from "../../test/services/nats.ts";
import { freePorts } from "../../test/services/ports.ts";
import { startRedis } from "../../test/services/redis.ts";
import { OPEN_ACCESS } from "./access.ts";
import { type Faults, startBadServer } from "./badServer.fixture.ts";
import { compareReports, comparisonText } from "./compare.ts";
import { runLoadTest } from "./coordinator.ts";
import { Histogram } from "./histogram.ts";
import { htmlOf } from "./html.ts";
import type { Report } from "./report.ts";
import { readScenario } from "./scenario.ts";

const TEST_MS = 120_000;
const SHORT = {
  connections: 20,
  connectionsPerSecond: 1000,
  holdSeconds: 1.2,
  messagesPerSecond: 60,
  // What is lost for good is waited for as long.
  waitSeconds: 4,
  channels: ["a.load", "b.load"],
};

function runOn(
  { url, admin }: { url: string; admin: string },
  over: Record<string, unknown> = {},
  signal = new AbortController().signal,
): Promise<Report> {
  const scenario = readScenario("", { ...SHORT, urls: [url], admins: [admin], ...over });
  return runLoadTest({ scenario, access: OPEN_ACCESS, kafka: undefined, signal, onSample: () => undefined });
}

function brokenIn(report: Report): string[] {
  return report.checks.filter(({ held }) => !held).map(({ name }) => name);
}

const CASES: ReadonlyArray<
  readonly [does: string, faults: Faults, over: Record<string, unknown>, broken: readonly string[]]
> = [
  ["loses", { deliver: (n) => (n === 5 ? [] : [n]) }, {}, ["messages lost"]],
  [
    "repeats",
    { deliver: (n) => (n === 5 ? [n, n] : [n]) },
    {},
    ["messages repeated", "cursors repeated or out of order"],
  ],
  [
    "reorders",
    { deliver: (n) => (n === 5 ? [] : n === 6 ? [6, 5] : [n]) },
    {},
    ["messages out of order", "cursors repeated or out of order"],
  ],
  ["delays", { delayMs: 300 }, { thresholds: { p99MsMax: 200 } }, ["latency p99, ms"]],
  [
    "delivers nothing",
    { deliver: () => [] },
    {},
    ["deliveries", "latency samples", "clients that got nothing", "messages lost"],
  ],
  [
    "delivers to nobody for a while",
    { deliver: (n) => (n > 5 && n < 26 ? [] : [n]) },
    { thresholds: { silenceSecondsMax: 0.5, lostMax: 1000 }, holdSeconds: 4, messagesPerSecond: 20 },
    ["longest silence, s"],
  ],
  [
    "takes no publishes",
    { refusesPublishesFrom: 0 },
    {},
    [
      ...["deliveries", "latency samples", "messages published", "clients that got nothing"],
      ...["publishes that failed", "published, share of what was due"],
    ],
  ],
  [
    "takes no publishes after a while",
    { refusesPublishesFrom: 10 },
    {},
    ["publishes that failed", "published, share of what was due"],
  ],
  [
    "hangs at publishes after a while",
    { hangsPublishesFrom: 10 },
    {},
    ["publishes that failed", "published, share of what was due"],
  ],
  ["has no metrics", { hasNoMetrics: true }, {}, ["instances looked at", "figures that could not be read"]],
  [
    "does not answer half of the subscriptions",
    { ignoresHalf: true },
    { waitSeconds: 1 },
    [
      ...["clients subscribed when it began", "clients subscribed at the end"],
      ...["clients that got nothing", "messages lost"],
    ],
  ],
  [
    "alters the messages, so that there is no latency to measure",
    { alters: true },
    {},
    ["latency samples", "messages lost"],
  ],
  ["tells a gap", { gapAfter: 10 }, {}, ["gaps and refused requests"]],
  [
    "sends what nobody asked for",
    { strays: true },
    { channels: ["a.load", "b.load"], choose: "one" },
    ["messages on channels not asked for"],
  ],
];

test.each(CASES)(
  "of a server that %s it says so, and nothing else",
  async (_, faults, over, broken) => {
    const server = startBadServer(faults);
    expect(brokenIn(await runOn(server, over))).toEqual([...broken]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "of an instance whose metrics page nobody serves it says so",
  async () => {
    const server = startBadServer({});
    const [port] = await freePorts(1);
    const admins = [server.admin, `http://127.0.0.1:${port}`];
    expect(brokenIn(await runOn(server, { admins }))).toEqual([
      "instances looked at",
      "figures that could not be read",
    ]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "a generator that is killed ends the run, which has a report and is a failure",
  async () => {
    const server = startBadServer({});
    const scenario = readScenario("", {
      ...{ ...SHORT, holdSeconds: 60, urls: [server.url], admins: [server.admin] },
    });
    let pid = 0;
    const report = await runLoadTest({
      ...{ scenario, access: OPEN_ACCESS, kafka: undefined, signal: new AbortController().signal },
      onGenerators: ([first = 0]) => {
        pid = first;
      },
      onSample: ({ phase }) => {
        if (phase === "holding" && pid > 0) process.kill(pid, "SIGKILL");
        if (phase === "holding") pid = 0;
      },
    });
    expect(report.generatorDeaths).toHaveLength(1);
    expect(brokenIn(report)).toContain("generators that ended");
    expect(report.deliveries).toBeGreaterThan(0);
    await server.stop();
  },
  TEST_MS,
);

test(
  "refused handshakes and closed connections are told by status and code",
  async () => {
    const server = startBadServer({ refusesFrom: 20, close: { after: 10, code: 1012 } });
    const report = await runOn(server);
    expect(report.closes["1012"]).toBe(20);
    expect(report.handshakes.refused["http_503 instance_full"]).toBeGreaterThan(0);
    const broken = brokenIn(report);
    for (const name of ["messages lost", "handshakes refused", "disconnects"]) expect(broken).toContain(name);
    await server.stop();
  },
  TEST_MS,
);

test.each([
  ["leave when it is time", { after: 10, afterMs: 300 }],
  ["are closed before that", { after: 10, afterMs: 600, closesAfterMs: 100 }],
] as const)(
  "clients that a draining server asks to come back later, and that %s, resume and are no disconnects",
  async (_, moves) => {
    const server = startBadServer({ moves });
    const report = await runOn(server, { holdSeconds: 2.5 });
    expect(brokenIn(report)).toEqual([]);
    expect(report.moves).toEqual({ draining: 20 });
    expect(report.closes).toEqual({});
    expect(report.resumed).toBe(20);
    await server.stop();
  },
  TEST_MS,
);

test(
  "what a server leaves out when its clients come back is lost",
  async () => {
    const moves = { after: 10, afterMs: 400, closesAfterMs: 50 };
    const server = startBadServer({ moves, forgets: true });
    expect(brokenIn(await runOn(server, { holdSeconds: 2.5 }))).toEqual(["messages lost"]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "a run that is interrupted has a report, and connections that never opened are a failure",
  async () => {
    const ending = new AbortController();
    const server = startBadServer({ refusesFrom: 5 });
    setTimeout(() => ending.abort(), 1500);
    const report = await runOn(server, {}, ending.signal);
    expect(report.wasInterrupted).toBe(true);
    expect(brokenIn(report)).toEqual(expect.arrayContaining(["connections open at once", "seconds held"]));
    await server.stop();
  },
  TEST_MS,
);

test(
  "of a real instance whose connections break half-way, every client resumes and misses nothing",
  async () => {
    const instance = await startInstance(["--shards", "1"]);
    const storm = { atSeconds: 0.5, share: 0.5 };
    const report = await runOn(instance, { holdSeconds: 3, storm });
    expect(brokenIn(report)).toEqual([]);
    expect(report.resumed).toBe(10);
    expect(report.disturbed["cut"]).toBe(10);
    expect(report.deliveries).toBe(report.published * 20);
    expect(htmlOf(report)).toContain("<polyline");
    expect(comparisonText(compareReports(report, report))).toContain("+0.0 %");
    await instance.end();
  },
  TEST_MS,
);

describe.skipIf(!kafkaAvailable())("with a real Kafka and a real Redis", () => {
  test(
    "while an instance drains its clients move to another one, and none of them misses anything",
    async () => {
      const redis = await startRedis();
      const fixture = new KafkaFixture(await sharedKafka());
      const topic = await fixture.topic({ partitions: 2 });
      const brokers = fixture.connection.brokers.join(",");
      const flags = [
        "--shards",
        "1",
        "--bus",
        redis.url,
        "--kafka-topics",
        topic,
        "--kafka-brokers",
        brokers,
      ];
      const draining = ["--drain-wait-ms", "0", "--drain-clients-per-second", "20"];
      const first = await startInstance([...flags, "--instance", "a", ...draining]);
      const second = await startInstance([...flags, "--instance", "b"]);
      const scenario = readScenario("", {
        ...{ ...SHORT, urls: [first.url, second.url], admins: [second.admin], holdSeconds: 6 },
        ...{ publish: "kafka", topic, channels: [`a.${topic}`, `b.${topic}`] },
        waitSeconds: 60,
        // Those who come back to the one that drains are refused, and try the other one then.
        thresholds: { refusedMax: 100 },
      });
      let end: Promise<number> | undefined;
      const report = await runLoadTest({
        ...{ scenario, access: OPEN_ACCESS, kafka: fixture.connection },
        signal: new AbortController().signal,
        onSample: ({ phase, deliveriesPerSecond }) => {
          if (phase === "holding" && deliveriesPerSecond > 0) end ??= first.end();
        },
      });
      expect(brokenIn(report)).toEqual([]);
      expect(report.moves).toEqual({ draining: 10 });
      expect(report.closes).toEqual({});
      expect(report.deliveries).toBe(report.published * 20);
      await end;
      await second.end();
      await fixture.close();
      await redis.stop();
    },
    TEST_MS,
  );

  test(
    "records written to Kafka arrive all at every client, and the figures of the bus are in the report",
    async () => {
      const redis = await startRedis();
      const fixture = new KafkaFixture(await sharedKafka());
      const topic = await fixture.topic({ partitions: 2 });
      const { connection } = fixture;
      const instance = await startInstance([
        ...["--shards", "2", "--bus", redis.url, "--kafka-topics", topic],
        ...["--kafka-brokers", connection.brokers.join(",")],
      ]);
      const scenario = readScenario("", {
        ...{ ...SHORT, urls: [instance.url], admins: [instance.admin], redis: redis.url, holdSeconds: 3 },
        ...{ publish: "kafka", topic, channels: [`a.${topic}`, `b.${topic}`, `c.${topic}`] },
      });
      const signal = new AbortController().signal;
      const report = await runLoadTest({
        scenario,
        access: OPEN_ACCESS,
        kafka: connection,
        signal,
        onSample: () => undefined,
      });
      expect(brokenIn(report)).toEqual([]);
      expect(report.deliveries).toBe(report.published * 20);
      expect(Object.values(report.spread).reduce((sum, count) => sum + count, 0)).toBe(20);
      expect(report.samples.at(-1)?.bus["redis_used_memory"]).toBeGreaterThan(0);
      expect(report.samples.at(-1)?.kafkaLag).toBe(0);
      await instance.end();
      await fixture.close();
      await redis.stop();
    },
    TEST_MS,
  );
});

test.skipIf(!natsAvailable())(
  "the figures of a real NATS are in the report",
  async () => {
    const nats = await startNats();
    const instance = await startInstance(["--shards", "2", "--bus", nats.url]);
    const report = await runOn(instance, { nats: nats.monitoringUrl, holdSeconds: 3 });
    expect(brokenIn(report)).toEqual([]);
    const { bus } = report.samples.at(-1) ?? {};
    expect(bus?.["nats_mem"]).toBeGreaterThan(0);
    expect(bus?.["nats_in_msgs"]).toBeGreaterThan(0);
    await instance.end();
    await nats.stop();
  },
  TEST_MS,
);

test(
  "of a server that keeps the last values from clients of the newest ones it says so, and that values went back",
  async () => {
    for (const [faults, broken] of [
      [{ deliver: (n: number) => (n > 20 ? [] : [n]) }, ["channels not ended on the last value"]],
      [{ deliver: (n: number) => (n === 6 ? [6, 5] : [n]) }, ["messages out of order"]],
      // Left out, and sent again: that may be.
      [{ deliver: (n: number) => (n === 5 ? [] : [n, n]) }, []],
    ] as const) {
      for (const over of [{ policy: "latest" }, { maxRate: 5 }]) {
        const server = startBadServer(faults);
        expect(brokenIn(await runOn(server, over))).toEqual([...broken]);
        await server.stop();
      }
    }
  },
  TEST_MS,
);

test(
  "clients of a real server that want the newest end on the last values, and deflated frames are read",
  async () => {
    const instance = await startInstance(["--shards", "1", "--max-accepts-per-second-per-address", "0"]);
    const [plain, deflated, rated, latest] = [
      await runOn(instance, {}),
      await runOn(instance, { encoding: "deflate" }),
      await runOn(instance, { encoding: "deflate", maxRate: 5, messagesPerSecond: 200 }),
      await runOn(instance, { policy: "latest", slow: { share: 0.5, pauseMs: 300, everyMs: 500 } }),
    ];
    for (const report of [plain, deflated, rated, latest]) expect(brokenIn(report)).toEqual([]);
    for (const report of [plain, deflated]) expect(report.deliveries).toBe(report.published * 20);
    expect([plain.deflatedFrames, latest.deflatedFrames]).toEqual([0, 0]);
    expect(deflated.deflatedFrames).toBeGreaterThan(0);
    // Two channels, 20 clients, 5 a second, and what comes beside the ticks.
    expect(rated.deliveries).toBeGreaterThan(0);
    expect(rated.deliveries).toBeLessThan((rated.published * 20) / 4);
    await instance.end();
  },
  TEST_MS,
);

test(
  "of a server that does not deflate for those who ask it says so",
  async () => {
    const server = startBadServer({});
    expect(brokenIn(await runOn(server, { encoding: "deflate" }))).toEqual(["deflated frames"]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "clients that do not read for a while are told apart: the others' latency is not theirs",
  async () => {
    const server = startBadServer({});
    const slow = { share: 0.5, pauseMs: 700, everyMs: 1000 };
    const report = await runOn(server, { holdSeconds: 3, slow });
    expect(brokenIn(report)).toEqual([]);
    expect(report.slowLatencyMs.max).toBeGreaterThan(500);
    expect(report.latencyMs.samples).toBe(report.published * 10);
    await server.stop();
  },
  TEST_MS,
);

test("what would never come about is refused", () => {
  for (const over of [
    { storm: { atSeconds: 20, share: 0.5 } },
    { spike: { atSeconds: 10, seconds: 1, factor: 2 } },
    { slow: { share: 0.5, pauseMs: 10, everyMs: 60_000 } },
    { churnPerSecond: 0.01 },
  ])
    expect(() => readScenario("", { holdSeconds: 10, ...over })).toThrow(/holdSeconds/);
});

test("a single threshold by flag leaves the others of the file as they are", () => {
  const { thresholds } = readScenario("thresholds: { lostMax: 5, gapsMax: 6 }", {
    thresholds: { lostMax: 1 },
  });
  expect([thresholds.lostMax, thresholds.gapsMax, thresholds.repeatedMax]).toEqual([1, 6, 0]);
});

test(
  "clients that come and go are no fault of the server, and none is there twice",
  async () => {
    const server = startBadServer({});
    const report = await runOn(server, { churnPerSecond: 20 });
    expect(brokenIn(report)).toEqual([]);
    expect(report.handshakes.done).toBeGreaterThan(20);
    await server.stop();
  },
  TEST_MS,
);

test("quantiles are within a 64th of what was counted, also after a way as JSON", () => {
  const first = new Histogram();
  for (let us = 1; us <= 1_000_000; us += 7) first.add(us);
  const second = new Histogram();
  second.merge(JSON.parse(JSON.stringify(first.toSparse())));
  for (const q of [0.01, 0.5, 0.99, 0.999]) {
    expect(Math.abs((second.quantileMs(q) ?? 0) / (q * 1000) - 1)).toBeLessThan(1 / 64);
  }
  expect(new Histogram().quantileMs(0.5)).toBeUndefined();
});
