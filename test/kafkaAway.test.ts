// Invariant 8: without Kafka an instance keeps its clients, says so, and catches up. No record is skipped.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { describeInstance, health } from "./instanceStatus.fixture.ts";
import { kafkaAvailable, startKafka, type TestKafka } from "./services/kafka.ts";
import { KafkaFixture, until } from "./services/kafkaFixture.ts";

const TEST_MS = 120_000;

describe.skipIf(!kafkaAvailable())("a shard that is started anew while Kafka is away", () => {
  let kafka: TestKafka;
  let fixture: KafkaFixture;
  let instance: TestInstance;
  let topic: string;

  beforeAll(async () => {
    kafka = await startKafka();
    fixture = new KafkaFixture(kafka);
    topic = await fixture.topic();
    await fixture.produce(topic, numbers(0, 50));
    instance = await startInstance([
      ...["--shards", "1", "--max-connections", "100", "--kafka-topics", topic],
      ...["--kafka-brokers", kafka.brokers.join(","), "--channel-template", "{topic}"],
    ]);
  }, TEST_MS);

  afterAll(async () => {
    await instance?.end();
    await fixture?.close();
    await kafka?.stop();
  }, TEST_MS);

  test(
    "becomes ready, serves, says so, and follows Kafka from where the instance had read once it is back",
    async () => {
      const seen: number[] = [];
      const client = connect(instance.url, { backoff: { minMs: 20, maxMs: 200 } });
      const late = connect(instance.url, { backoff: { minMs: 20, maxMs: 200 } });
      try {
        await client.subscribe<number>(topic, ({ data }) => seen.push(data)).ready;
        await fixture.produce(topic, numbers(50, 100));
        await until(
          () => seen.length === 50,
          30_000,
          () => seen,
        );
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
        await late.subscribe<number>("by.http", ({ data }) => served.push(data)).ready;
        const lateSeen: number[] = [];
        await late.subscribe<number>(topic, ({ data }) => lateSeen.push(data)).ready;
        await instance.publish({ channel: "by.http", data: 7 });
        await until(() => served.length === 1);
        const told = await fetch(`${instance.admin}/health`);
        expect(told.status).toBe(200);
        expect(await told.json()).toMatchObject({
          status: "degraded",
          checks: { log: { status: "degraded" } },
        });

        await kafka.restart();
        await fixture.led(topic, 1);
        await fixture.produce(topic, numbers(100, 200));
        await until(
          () => seen.length >= 150 && lateSeen.length >= 100,
          60_000,
          () => [seen, lateSeen],
        );
        expect(seen).toEqual(numbers(50, 200).map(Number));
        expect(lateSeen).toEqual(numbers(100, 200).map(Number));
        await until(async () => (await health(instance)).status === "ok", 60_000);
        expect(client.stats.gaps).toBe(0);
      } finally {
        await client.close();
        await late.close();
      }
    },
    TEST_MS,
  );
});

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}
