import { expect, test } from "bun:test";
import { pino } from "pino";
import { kafkaAvailable, sharedKafka } from "../../test/services/kafka.ts";
import { KafkaFixture } from "../../test/services/kafkaFixture.ts";
import { until } from "../../test/services/until.ts";
import { loaded } from "./config/loadConfig.fixture.ts";
import { IngestHalf } from "./ingest.ts";
import { createProducer } from "./kafka/producer.ts";
import { UNROUTABLE_REASONS } from "./source/route.ts";

const NOWHERE = ["--kafka-brokers", "127.0.0.1:1", "--kafka-topics", "trades"];

function half(publish: () => Promise<void>, argv: readonly string[] = NOWHERE): IngestHalf {
  const { config } = loaded({ argv });
  const { kafka } = config;
  if (kafka === undefined) throw new Error("the configuration has no Kafka");
  return new IngestHalf({
    config,
    kafka,
    shard: 0,
    boot: "boot",
    bus: {
      state: "connected",
      maxFrameBytes: 1_000_000,
      publish,
      subscribe: () => Promise.reject(),
      close: () => Promise.resolve(),
    },
    route: () => ({ unroutable: "channel_invalid", detail: "" }),
    logger: pino({ level: "silent" }),
  });
}

test("what the publisher and the source count is told, failures too", () => {
  const names = half(() => Promise.resolve()).figures.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      "shardcast_dead_letter_retries_total",
      "shardcast_heads_missed_total",
      "shardcast_source_commit_failures_total",
      "shardcast_source_out_of_range_total",
      "shardcast_source_unreadable_total",
    ]),
  );
  expect(new Set(names).size).toBe(names.length);
});

test("each reason for which a record can be left out is told from the start, at zero", () => {
  const read = half(() => Promise.resolve()).figures.find(
    ({ name }) => name === "shardcast_unroutable_total",
  );
  expect(read?.read()).toEqual(Object.fromEntries(UNROUTABLE_REASONS.map((reason) => [reason, 0])));
});

test("a start without Kafka resolves in time and goes on joining, until it is stopped", async () => {
  const ingest = half(() => Promise.resolve());
  await ingest.start(20);
  expect(ingest.state).toBe("joining");
  expect(ingest.figures.find(({ name }) => name === "shardcast_source_errors_total")?.read()).toBeGreaterThan(
    0,
  );
  await ingest.stop();
  expect(ingest.state).toBe("stopped");
});

test.skipIf(!kafkaAvailable()).each([
  ["that its topic will never take", { "max.message.bytes": "2000" }, 1],
  ["for a topic that is not there", undefined, 2],
] as const)(
  "a dead letter %s is counted, and neither the commit nor the partition waits for it",
  async (_, settings, refused) => {
    const fixture = new KafkaFixture(await sharedKafka());
    const topic = await fixture.topic();
    const deadLetters = settings === undefined ? `missing-${topic}` : await fixture.topic({ settings });
    // Well below the limit as it was sent, and far above it when it is written without compression.
    const producer = createProducer({ connection: fixture.connection, compression: "gzip" });
    const group = `g-${crypto.randomUUID().slice(0, 8)}`;
    const flags = ["--kafka-group", group, "--kafka-from", "earliest"];
    const ingest = half(
      () => Promise.resolve(),
      [
        ...["--kafka-brokers", fixture.connection.brokers.join(","), "--kafka-topics", topic],
        ...["--kafka-dead-letter-topic", deadLetters, ...flags],
      ],
    );
    const read = (name: string) =>
      ingest.figures.find((figure) => figure.name === `shardcast_${name}`)?.read();
    try {
      await producer.send([
        { topic, key: null, value: "x".repeat(100_000) },
        { topic, key: null, value: "small" },
      ]);
      await ingest.start(30_000);
      // Either may be told first.
      await until(() => read("dead_letters_refused_total") === refused);
      await until(() => read("dead_letters_total") === 2 - refused);
      await until(() => (read("source_lag") as Record<string, number>)[`${topic}/0`] === 0);
    } finally {
      await ingest.stop();
      await producer.close();
      await fixture.close();
    }
  },
  120_000,
);
