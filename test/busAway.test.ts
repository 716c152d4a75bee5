// Invariant 8: without its bus an instance goes on from the log alone. That holds for one that starts then, too.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { kafkaAvailable, sharedKafka } from "./services/kafka.ts";
import { KafkaFixture, until } from "./services/kafkaFixture.ts";
import { redisAvailable, startRedis, type TestRedis } from "./services/redis.ts";

const TEST_MS = 120_000;

describe.skipIf(!kafkaAvailable() || !redisAvailable())(
  "an instance that starts while its bus is away",
  () => {
    let redis: TestRedis;
    let fixture: KafkaFixture;
    let instance: TestInstance;
    let topic: string;

    beforeAll(async () => {
      fixture = new KafkaFixture(await sharedKafka());
      topic = await fixture.topic();
      redis = await startRedis();
      await redis.kill();
      instance = await startInstance([
        ...["--shards", "1", "--max-connections", "100", "--kafka-topics", topic, "--kafka-from", "earliest"],
        ...["--kafka-brokers", fixture.kafka.brokers.join(","), "--channel-template", "{topic}"],
        ...["--bus", redis.url],
      ]);
    }, TEST_MS);

    afterAll(async () => {
      await instance?.end();
      await fixture?.close();
      await redis?.stop();
    }, TEST_MS);

    test(
      "serves every record from the log, says why, and repeats nothing when the bus is there",
      async () => {
        const seen: number[] = [];
        const client = connect(instance.url, { backoff: { minMs: 20, maxMs: 200 } });
        try {
          await client.subscribe<number>(topic, ({ data }) => seen.push(data)).ready;
          await fixture.produce(topic, numbers(0, 50));
          await until(
            () => seen.length === 50,
            30_000,
            () => seen,
          );
          const health = await (await fetch(`${instance.admin}/health`)).json();
          expect(health).toMatchObject({ status: "degraded", checks: { bus: { status: "degraded" } } });

          await redis.restart();
          const metrics = async () => await (await fetch(`${instance.admin}/metrics`)).text();
          await until(
            async () => /^shardcast_streams_read_forward\{[^}]*\} 0$/m.test(await metrics()),
            60_000,
            () => "the bus does not serve the stream again",
          );
          await fixture.produce(topic, numbers(50, 100));
          await until(
            () => seen.length >= 100,
            30_000,
            () => seen,
          );
          expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
        } finally {
          await client.close();
        }
      },
      TEST_MS,
    );
  },
);

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}
