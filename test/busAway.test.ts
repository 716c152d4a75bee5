// Invariant 8: without its bus an instance goes on from the log alone. That holds for one that starts then, too.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { NumberedTopic, NumbersReader, numbers } from "./numberedTopic.fixture.ts";
import { kafkaAvailable, sharedKafka } from "./services/kafka.ts";
import { redisAvailable, startRedis, type TestRedis } from "./services/redis.ts";
import { until } from "./services/until.ts";

const TEST_MS = 120_000;

describe.skipIf(!kafkaAvailable() || !redisAvailable())(
  "an instance that starts while its bus is away",
  () => {
    let redis: TestRedis;
    let instance: TestInstance;
    let topic: NumberedTopic;

    beforeAll(async () => {
      topic = await NumberedTopic.create(await sharedKafka());
      redis = await startRedis();
      await redis.kill();
      instance = await startInstance([
        ...["--shards", "1", "--max-connections", "100", ...topic.flags, "--kafka-from", "earliest"],
        ...["--bus", redis.url],
      ]);
    }, TEST_MS);

    afterAll(async () => {
      await instance?.end();
      await topic?.close();
      await redis?.stop();
    }, TEST_MS);

    test(
      "serves every record from the log, says why, and repeats nothing when the bus is there",
      async () => {
        const reader = new NumbersReader(instance.url, topic);
        try {
          await reader.subscribe();
          await topic.append(50);
          await reader.sees(50);
          const health = await (await fetch(`${instance.admin}/health`)).json();
          expect(health).toMatchObject({ status: "degraded", checks: { bus: { status: "degraded" } } });

          await redis.restart();
          const metrics = async () => await (await fetch(`${instance.admin}/metrics`)).text();
          await until(
            async () => /^shardcast_streams_read_forward\{[^}]*\} 0$/m.test(await metrics()),
            60_000,
            () => "the bus does not serve the stream again",
          );
          await topic.append(50);
          await reader.sees(100);
          expect(reader.seen).toEqual(numbers(0, 100));
        } finally {
          await reader.close();
        }
      },
      TEST_MS,
    );
  },
);
