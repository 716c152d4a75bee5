import { describe, expect, test } from "bun:test";
import { kafkaAvailable, startKafka } from "../../../test/services/kafka.ts";
import { KafkaFixture } from "../../../test/services/kafkaFixture.ts";
import { kafkaForAll } from "../../../test/services/kafkaForAll.ts";
import { until } from "../../../test/services/until.ts";
import { addPartitions, deleteRecords, deleteTopic } from "../kafka/topics.fixture.ts";
import { KafkaSource, type KafkaSourceOptions } from "./kafka.ts";
import {
  committed,
  newGroup,
  numbered,
  RecordingSink,
  reading,
  sourceOptions,
  startFeed,
} from "./kafkaSource.fixture.ts";

describe.skipIf(!kafkaAvailable())("the Kafka source", () => {
  const kafka = kafkaForAll();
  const options = (topic: string, more: Partial<KafkaSourceOptions> = {}): KafkaSourceOptions =>
    sourceOptions(kafka.fixture, topic, more);

  test("from earliest, every record arrives once and in order, and the next member goes on after it", async () => {
    const topic = await kafka.fixture.topic();
    const groupId = newGroup();
    await kafka.fixture.produce(topic, numbered(100, "a"));
    await reading(options(topic, { groupId, from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 100);
      expect(sink.values(topic)).toEqual(numbered(100, "a"));
      expect(sink.assignments).toEqual([[`${topic}/0`, 0]]);
      expect(sink.batches[0]?.after).toBe(-1);
    });
    await kafka.fixture.produce(topic, ["later"]);
    await reading(options(topic, { groupId, from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 1);
      expect(sink.assignments).toEqual([[`${topic}/0`, 100]]);
      expect(sink.batches[0]?.after).toBe(99);
    });
  });

  test("from latest, the first position is committed at once, so that nothing is missed when nobody reads", async () => {
    const topic = await kafka.fixture.topic({ partitions: 2 });
    const groupId = newGroup();
    await kafka.fixture.produce(topic, ["old"]);
    await reading(options(topic, { groupId }), async (source) => {
      await until(() => committed(source) === "1,0");
    });
    await kafka.fixture.produce(topic, ["while away"]);
    await kafka.fixture.produce(topic, ["there too"], 1);
    await reading(options(topic, { groupId }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic).sort()).toEqual(["there too", "while away"]);
    });
  });

  test("from latest, partitions that are added later are read from their beginning", async () => {
    const topic = await kafka.fixture.topic();
    await reading(options(topic), async (source, sink) => {
      await until(() => committed(source) === "0");
      await addPartitions(kafka.fixture.cluster, topic, 3);
      await kafka.fixture.led(topic, 3);
      await kafka.fixture.produce(topic, ["first of 2"], 2);
      await until(() => sink.values(topic).length === 1);
      expect(sink.assignments.map(([name]) => name).sort()).toEqual([
        `${topic}/0`,
        `${topic}/1`,
        `${topic}/2`,
      ]);
    });
  });

  test("from latest, a topic that is created later is read from its beginning", async () => {
    const topic = `later-${crypto.randomUUID().slice(0, 8)}`;
    await reading(options(topic), async (_source, sink) => {
      await kafka.fixture.topic({ name: topic });
      await kafka.fixture.produce(topic, ["one", "two"]);
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic)).toEqual(["one", "two"]);
    });
  });

  test("a topic deleted and created anew is read from its beginning, as another stream", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.produce(topic, ["old 1", "old 2"]);
    await reading(options(topic, { from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 2);
      await deleteTopic(kafka.fixture.cluster, topic);
      await until(async () => (await kafka.fixture.cluster.topics([topic])).size === 0);
      await kafka.fixture.topic({ name: topic });
      await kafka.fixture.produce(topic, ["new"]);
      await until(() => sink.values(topic).includes("new"));
      expect(new Set(sink.batches.map(({ streamId }) => streamId)).size).toBe(2);
      expect(sink.batches.at(-1)).toMatchObject({ after: -1, through: 0 });
    });
  });

  test("markers of transactions belong to a range, aborted records do not arrive", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.transactions(topic, [
      { values: ["x1", "x2"], end: "abort" },
      { values: ["c1"], end: "commit" },
      { values: ["x3"], end: "abort" },
    ]);
    await reading(options(topic, { from: "earliest" }), async (_source, sink) => {
      await until(() => (sink.batches.at(-1)?.through ?? -1) >= 6);
      expect(sink.values(topic)).toEqual(["c1"]);
    });
  });

  test("an offset that retention has taken is not claimed: the batch begins after it", async () => {
    const topic = await kafka.fixture.topic();
    const groupId = newGroup();
    await kafka.fixture.produce(topic, numbered(4, "a"));
    await reading(options(topic, { groupId, from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 4);
    });
    await kafka.fixture.produce(topic, numbered(6, "b"));
    await deleteRecords(kafka.fixture.cluster, topic, 0, 8);
    await reading(options(topic, { groupId, from: "earliest" }), async (source, sink) => {
      await until(() => sink.values(topic).length === 2);
      expect(sink.assignments).toEqual([[`${topic}/0`, 4]]);
      expect(sink.batches[0]).toMatchObject({ after: 7, through: 9 });
      expect(source.stats().outOfRange).toBe(1);
    });
  });

  test("poison records arrive as they are and block nothing", async () => {
    const topic = await kafka.fixture.topic({ settings: { "max.message.bytes": "8388608" } });
    const bytes = new Uint8Array([0xff, 0xfe, 0x00]);
    await kafka.fixture.producer.send([
      { topic, key: "", value: "" },
      { topic, key: null, value: null },
      { topic, key: bytes, value: bytes, headers: [["h", bytes]], timestampMs: 1234 },
      { topic, key: "big", value: new Uint8Array(5 * 1024 * 1024).fill(65) },
      { topic, key: "last", value: "{}" },
    ]);
    await reading(options(topic, { from: "earliest", fetchBytesMax: 1024 }), async (_source, sink) => {
      await until(() => sink.records(topic).length === 5);
      const [empty, missing, binary, big] = sink.records(topic);
      expect(empty).toMatchObject({ offset: 0, headers: [] });
      expect(empty?.key?.byteLength).toBe(0);
      expect(missing).toMatchObject({ key: null, value: null });
      expect([...(binary?.value ?? [])]).toEqual([...bytes]);
      expect(binary).toMatchObject({ timestampMs: 1234 });
      expect(binary?.headers[0]?.[0]).toBe("h");
      expect([...(binary?.headers[0]?.[1] ?? [])]).toEqual([...bytes]);
      expect(big?.value?.byteLength).toBe(5 * 1024 * 1024);
    });
  });

  test("where the broker gives the time, records arrive with it", async () => {
    const topic = await kafka.fixture.topic({ settings: { "message.timestamp.type": "LogAppendTime" } });
    await reading(options(topic, { from: "earliest" }), async (_source, sink) => {
      const beganMs = Date.now();
      await kafka.fixture.produce(topic, ["one", "two"]);
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic)).toEqual(["one", "two"]);
      for (const { timestampMs } of sink.records(topic)) expect(timestampMs).toBeGreaterThanOrEqual(beganMs);
    });
  });

  test("nothing is committed before it is accepted, and a partition that waits for that is paused", async () => {
    const topic = await kafka.fixture.topic();
    const groupId = newGroup();
    const value = "v".repeat(10_000);
    await kafka.fixture.produce(topic, numbered(400, value));
    const limits = { groupId, from: "earliest", pendingBytesMax: 1, fetchBytesMax: 100_000 } as const;
    await reading(options(topic, limits), async (source, sink) => {
      sink.hold();
      await until(() => source.stats().partitions[0]?.paused === true);
      const handed = sink.records(topic).length;
      expect(handed).toBeLessThan(100);
      expect(source.stats().partitions[0]).toMatchObject({ accepted: 0 });
      sink.release();
      await until(() => sink.values(topic).length === 400);
      expect(sink.values(topic)).toEqual(numbered(400, value));
    });
  });

  test("a broker that is restarted, killed or hangs while it is read costs nothing", async () => {
    const broker = await startKafka();
    const own = new KafkaFixture(broker);
    const topic = await own.topic({ partitions: 2 });
    const sink = new RecordingSink();
    const delaysMs: unknown[] = [];
    const warnings: string[] = [];
    const logger = (level: string, message: string, fields: object = {}) => {
      if ("retryMs" in fields) delaysMs.push(fields.retryMs);
      if (level === "warn") warnings.push(message);
    };
    const settings = options(topic, { from: "earliest", logger });
    const source = new KafkaSource({ ...settings, connection: own.connection });
    await source.start(sink);
    const feed = startFeed(own, topic, 2);
    await until(() => sink.distinct(topic) > 20);
    await broker.restart();
    const before = sink.distinct(topic);
    await until(
      () => sink.distinct(topic) > before + 20,
      30_000,
      () => source.stats().lastError,
    );
    await broker.kill();
    await broker.restart();
    const between = sink.distinct(topic);
    await until(
      () => sink.distinct(topic) > between + 20,
      30_000,
      () => source.stats().lastError,
    );
    // A broker that hangs for longer than the session: the member is put out of its group meanwhile.
    broker.signal("SIGSTOP");
    await Bun.sleep(7_000);
    broker.signal("SIGCONT");
    const sent = await feed.stop();
    await until(
      () => sink.distinct(topic) >= sent,
      30_000,
      () => source.stats().lastError,
    );
    expect(sink.distinct(topic)).toBe(sent);
    sink.expectComplete();
    await broker.kill();
    await source.stop();
    // It has spoken with this broker: how, is not in doubt.
    expect(warnings.filter((message) => message.includes("It has answered there before"))).not.toBeEmpty();
    expect(warnings.filter((message) => /SASL|TLS/.test(message))).toEqual([]);
    // Those who read the log see when it is tried again; leaving a group is not.
    expect(delaysMs).not.toBeEmpty();
    expect(delaysMs.filter((delayMs) => !(Number.isInteger(delayMs) && Number(delayMs) > 0))).toEqual([]);
    await own.close();
    await broker.stop();
  }, 120_000);
});
