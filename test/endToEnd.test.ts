import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { createProducer, type KafkaProducer } from "@shardcast/server/kafka/producer";
import { createTopic } from "@shardcast/server/kafka/topics";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { kafkaAvailable, startKafka, type TestKafka } from "./services/kafka.ts";

const CLIENTS = 1000;
const RECORDS = 30_000;
const BATCH = 500;
const TOPIC = "flights";

const flights: ReadonlyArray<{ readonly distance: number }> = await Bun.file(
  new URL("../node_modules/vega-datasets/data/flights-200k.json", import.meta.url),
).json();

/** Real records with a number of their own, so that each can be told from every other. */
const records = flights
  .slice(0, RECORDS)
  .map((flight, index) => ({ key: String(flight.distance), value: { ...flight, index } }));

/** What each channel must bring, in order: a key stays in one partition, so its records keep their order. */
const expected = new Map<string, number[]>();
for (const { key, value } of records) {
  const channel = `${key}.${TOPIC}`;
  const ledger = expected.get(channel);
  if (ledger === undefined) expected.set(channel, [value.index]);
  else ledger.push(value.index);
}

describe.skipIf(!kafkaAvailable())("real records from a real topic", () => {
  let kafka: TestKafka;
  let producer: KafkaProducer;
  let instance: TestInstance;

  beforeAll(async () => {
    kafka = await startKafka();
    const connection = { brokers: kafka.brokers, clientId: "end-to-end" };
    const cluster = new KafkaCluster(connection);
    await createTopic(cluster, { name: TOPIC, partitions: 4 });
    await cluster.close();
    producer = createProducer({ connection, deliveryTimeoutMs: 60_000 });
    instance = await startInstance([
      ...["--shards", "2", "--kafka-brokers", kafka.brokers.join(","), "--kafka-topics", TOPIC],
      ...["--max-connections", "4000"],
    ]);
  }, 120_000);

  afterAll(async () => {
    await instance?.end();
    await producer?.close();
    await kafka?.stop();
  });

  test("every client has every record of its channels once, in order, while shards are killed and the broker restarts", async () => {
    const channels = [...expected.keys()];
    const gaps: unknown[] = [];
    const clients = Array.from({ length: CLIENTS }, (_, index) => {
      // Each channel has clients, and the busy ones, which come first, have many.
      const wanted = [
        ...new Set([index % channels.length, (index * 7) % 20].map((at) => channels[at] as string)),
      ];
      const client = connect(instance.url, {
        backoff: { minMs: 50, maxMs: 1000 },
        onGap: (gap) => gaps.push(gap),
      });
      const ledgers = wanted.map((channel) => {
        const seen: number[] = [];
        const subscription = client.subscribe<{ index: number }>(channel, (message) =>
          seen.push(message.data.index),
        );
        return { channel, seen, subscription };
      });
      return { client, ledgers };
    });
    await Promise.all(
      clients.flatMap(({ ledgers }) => ledgers.map(({ subscription }) => subscription.ready)),
    );

    for (let at = 0; at < RECORDS; at += BATCH) {
      const batch = records.slice(at, at + BATCH);
      await producer.send(
        batch.map(({ key, value }) => ({ topic: TOPIC, key, value: JSON.stringify(value) })),
      );
      if (at === RECORDS * 0.2 || at === RECORDS * 0.8) {
        const [pid] = await instance.shardPids();
        if (pid !== undefined) process.kill(pid, "SIGKILL");
      }
      if (at === RECORDS * 0.5) await kafka.restart();
    }

    const complete = () =>
      clients.every(({ ledgers }) =>
        ledgers.every(({ channel, seen }) => seen.length >= (expected.get(channel)?.length ?? 0)),
      );
    const deadline = Date.now() + 60_000;
    while (!complete() && Date.now() < deadline) await Bun.sleep(100);
    const wrong = clients.flatMap(({ ledgers }) =>
      ledgers.filter(({ channel, seen }) => JSON.stringify(seen) !== JSON.stringify(expected.get(channel))),
    );
    expect(gaps).toEqual([]);
    expect(
      wrong.map(({ channel, seen }) => ({
        channel,
        seen: seen.length,
        expected: expected.get(channel)?.length,
      })),
    ).toEqual([]);
    expect(clients.some(({ client }) => client.stats.reconnects > 0)).toBe(true);
    await Promise.all(clients.map(({ client }) => client.close()));
  }, 180_000);
});
