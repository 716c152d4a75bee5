// Records that nobody meant to write go all the way: what can be told is told, the rest is counted, and nothing waits for it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { createProducer, type KafkaProducer } from "@shardcast/server/kafka/producer";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { kafkaAvailable, sharedKafka } from "./services/kafka.ts";
import { KafkaFixture } from "./services/kafkaFixture.ts";
import { until } from "./services/until.ts";

const TEST_MS = 120_000;
/** Not UTF-8, and larger as base64 than the limit on unsent bytes (1 MiB). */
const LARGE = new Uint8Array(1_000_000).fill(0xff);

describe.skipIf(!kafkaAvailable())("poison records in a topic", () => {
  let fixture: KafkaFixture;
  let producer: KafkaProducer;
  let instance: TestInstance;
  let topic: string;

  beforeAll(async () => {
    fixture = new KafkaFixture(await sharedKafka());
    topic = await fixture.topic({ settings: { "max.message.bytes": "4194304" } });
    producer = createProducer({ connection: fixture.connection, batchBytesMax: 4 << 20 });
    instance = await startInstance([
      ...["--shards", "1", "--max-connections", "10", "--kafka-topics", topic, "--kafka-from", "earliest"],
      ...["--kafka-brokers", fixture.kafka.brokers.join(",")],
    ]);
  }, TEST_MS);

  afterAll(async () => {
    await instance?.end();
    await producer?.close();
    await fixture?.close();
  }, TEST_MS);

  test(
    "reach clients in order, each as what it is, and those without a channel are counted",
    async () => {
      const seen: unknown[] = [];
      const client = connect(instance.url, { backoff: { minMs: 20, maxMs: 200 } });
      try {
        await client.subscribe(`k.${topic}`, ({ data }) => seen.push(data)).ready;
        const keyed = (value: string | Uint8Array | null) => ({ topic, key: "k", value });
        await producer.send([
          keyed('{"n":1}'),
          { topic, key: "", value: "an empty key" },
          { topic, key: null, value: "no key" },
          { topic, key: "a b", value: "no name of a channel" },
          keyed("not { JSON"),
          keyed(Uint8Array.from([0xff, 0xfe])),
          keyed(null),
          keyed(LARGE),
          keyed(""),
          keyed('{"n":2}'),
        ]);
        await until(
          () => seen.length === 7,
          60_000,
          () => `${seen.length} of 7`,
        );
        const large = Buffer.from(LARGE).toString("base64");
        expect(seen).toEqual([{ n: 1 }, "not { JSON", "//4=", null, large, "", { n: 2 }]);
        const metrics = await (await fetch(`${instance.admin}/metrics`)).text();
        const unroutable = [...metrics.matchAll(/^shardcast_unroutable_total\{[^}]*\} (\d+)$/gm)];
        expect(unroutable.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(3);
      } finally {
        await client.close();
      }
    },
    TEST_MS,
  );
});
