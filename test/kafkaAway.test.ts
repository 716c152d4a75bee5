// Invariant 8: without Kafka an instance keeps its clients, says so, and catches up. No record is skipped.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { describeInstance, health } from "./instanceStatus.fixture.ts";
import { NumberedTopic, NumbersReader, numbers } from "./numberedTopic.fixture.ts";
import { kafkaAvailable, startKafka, type TestKafka } from "./services/kafka.ts";
import { until } from "./services/until.ts";

const TEST_MS = 120_000;

describe.skipIf(!kafkaAvailable())("a shard that is started anew while Kafka is away", () => {
  let kafka: TestKafka;
  let instance: TestInstance;
  let topic: NumberedTopic;

  beforeAll(async () => {
    kafka = await startKafka();
    topic = await NumberedTopic.create(kafka);
    await topic.append(50);
    instance = await startInstance(["--shards", "1", "--max-connections", "100", ...topic.flags]);
  }, TEST_MS);

  afterAll(async () => {
    await instance?.end();
    await topic?.close();
    await kafka?.stop();
  }, TEST_MS);

  test(
    "becomes ready, serves, says so, and follows Kafka from where the instance had read once it is back",
    async () => {
      const reader = new NumbersReader(instance.url, topic);
      const late = new NumbersReader(instance.url, topic);
      try {
        await reader.subscribe();
        await topic.append(50);
        await reader.sees(50);
        // A beat has told the supervisor of all that was read.
        const stats = async () => (await describeInstance(instance)).shards[0]?.stats;
        await until(
          async () => (await stats())?.publications === 100,
          30_000,
          () => "no beat",
        );

        await kafka.kill();
        const [victim = 0] = await instance.shardPids();
        process.kill(victim, "SIGKILL");
        await until(
          async () => {
            const [shard] = (await describeInstance(instance)).shards;
            return shard?.state === "ready" && shard.pid !== victim;
          },
          60_000,
          () => instance.log.slice(-5).join("\n"),
        );

        const served: number[] = [];
        await late.client.subscribe<number>("by.http", ({ data }) => served.push(data)).ready;
        await late.subscribe();
        await instance.publish({ channel: "by.http", data: 7 });
        await until(() => served.length === 1);
        const told = await fetch(`${instance.admin}/health`);
        expect(told.status).toBe(200);
        expect(await told.json()).toMatchObject({
          status: "degraded",
          checks: { log: { status: "degraded" } },
        });

        await kafka.restart();
        await topic.led();
        await topic.append(100);
        await reader.sees(150, 60_000);
        await late.sees(100, 60_000);
        expect(reader.seen).toEqual(numbers(50, 200));
        expect(late.seen).toEqual(numbers(100, 200));
        await until(async () => (await health(instance)).status === "ok", 60_000);
        expect(reader.client.stats.gaps).toBe(0);
      } finally {
        await reader.close();
        await late.close();
      }
    },
    TEST_MS,
  );
});
