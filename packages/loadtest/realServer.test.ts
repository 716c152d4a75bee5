import { describe, expect, test } from "bun:test";
import { startInstance } from "../../test/instance.fixture.ts";
import { kafkaAvailable, sharedKafka } from "../../test/services/kafka.ts";
import { KafkaFixture } from "../../test/services/kafkaFixture.ts";
import { natsAvailable, startNats } from "../../test/services/nats.ts";
import { startRedis } from "../../test/services/redis.ts";
import { compareReports, comparisonText } from "./compare.ts";
import { htmlOf } from "./html.ts";
import { brokenIn, runOn } from "./run.fixture.ts";

const TEST_MS = 120_000;

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

describe.skipIf(!kafkaAvailable())("with a real Kafka and a real Redis", () => {
  test(
    "while an instance drains its clients move to another one, and none of them misses anything",
    async () => {
      const redis = await startRedis();
      const fixture = new KafkaFixture(await sharedKafka());
      const topic = await fixture.topic({ partitions: 2 });
      const brokers = fixture.connection.brokers.join(",");
      const flags = [
        ...["--shards", "1", "--bus", redis.url],
        ...["--kafka-topics", topic, "--kafka-brokers", brokers],
      ];
      const draining = ["--drain-wait-ms", "0", "--drain-clients-per-second", "20"];
      const first = await startInstance([...flags, "--instance", "a", ...draining]);
      const second = await startInstance([...flags, "--instance", "b"]);
      const over = {
        ...{ urls: [first.url, second.url], admins: [second.admin], holdSeconds: 6 },
        ...{ publish: "kafka", topic, channels: [`a.${topic}`, `b.${topic}`] },
        // Those who come back to the one that drains are refused, and try the other one then.
        thresholds: { refusedMax: 100 },
      };
      let end: Promise<number> | undefined;
      const report = await runOn(first, over, {
        kafka: fixture.connection,
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
      const over = {
        ...{ redis: redis.url, holdSeconds: 3, publish: "kafka", topic },
        channels: [`a.${topic}`, `b.${topic}`, `c.${topic}`],
      };
      const report = await runOn(instance, over, { kafka: connection });
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
