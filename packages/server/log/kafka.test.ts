import { describe, expect, spyOn, test } from "bun:test";
import { kafkaAvailable } from "../../../test/services/kafka.ts";
import { kafkaForAll } from "../../../test/services/kafkaForAll.ts";
import { until } from "../../../test/services/until.ts";
import { KafkaCluster } from "../kafka/cluster.ts";
import { deleteRecords, deleteTopic } from "../kafka/topics.fixture.ts";
import type { Publication, SourceRecord } from "../publication.ts";
import { KafkaLog } from "./kafka.ts";
import { LogError, type LogStream, type RangeResult } from "./log.ts";

const MIB = 1024 * 1024;

describe.skipIf(!kafkaAvailable())("the Kafka log", () => {
  const kafka = kafkaForAll();

  test("a range is read without a group, in pieces of the size asked for", async () => {
    const topic = await kafka.fixture.topic();
    const values = numbered(50, "v");
    await kafka.fixture.produce(topic, values);
    await withLog(topic, async (log, stream) => {
      expect(stream).toMatchObject({ name: `${topic}/0`, earliest: 0, next: 50 });
      const piece = await log.read({ streamId: stream.id, after: 9, through: 39, bytesMax: 10 });
      if (piece.kind !== "read") throw new Error(piece.kind);
      expect(piece.publications.map(({ offset }) => offset)).toEqual([10, 11, 12]);
      expect(piece.through).toBe(12);
      const all = await readAll(log, stream.id, 9, 39);
      expect(all.texts).toEqual(values.slice(10, 40));
      expect(all.through).toBe(39);
    });
  });

  test("an aborted transaction larger than one fetch brings nothing", async () => {
    const topic = await kafka.fixture.topic();
    const large = "x".repeat(30_000);
    await kafka.fixture.transactions(topic, [
      { values: ["before"], end: "commit" },
      { values: numbered(40, large), end: "abort" },
      { values: ["after"], end: "commit" },
    ]);
    await withLog(topic, async (log, stream) => {
      const all = await readAll(log, stream.id, -1, stream.next - 1, 100_000);
      expect(all.texts).toEqual(["before", "after"]);
      // 42 records and three markers: the last offset holds a marker, and the range ends there all the same.
      expect(all.through).toBe(44);
      expect(all.reads).toBeGreaterThan(3);
    });
  });

  test("two aborts of one producer in one fetch bring nothing, and what it commits in between stays", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.transactions(topic, [
      { values: ["a1", "a2"], end: "abort" },
      { values: ["c1"], end: "commit" },
      { values: ["a3"], end: "abort" },
      { values: ["a4"], end: "abort" },
      { values: ["c2"], end: "commit" },
    ]);
    await withLog(topic, async (log, stream) => {
      const result = await log.read({
        streamId: stream.id,
        after: -1,
        through: stream.next - 1,
        bytesMax: MIB,
      });
      expect(texts(result)).toEqual(["c1", "c2"]);
      // Also when the reading begins inside an aborted transaction.
      const inside = await log.read({
        streamId: stream.id,
        after: 0,
        through: stream.next - 1,
        bytesMax: MIB,
      });
      expect(texts(inside)).toEqual(["c1", "c2"]);
    });
  });

  test("nothing is read beyond the last stable offset", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.produce(topic, ["stable"]);
    const producer = kafka.fixture.transactional();
    const open = await producer.beginTransaction();
    await open.send({ messages: [{ topic, partition: 0, value: Buffer.from("open") }] });
    await kafka.fixture.produce(topic, ["behind"]);
    await withLog(topic, async (log, stream) => {
      expect(stream.next).toBe(1);
      expect(texts(await log.read({ streamId: stream.id, after: -1, through: 10, bytesMax: MIB }))).toEqual([
        "stable",
      ]);
      const beyond = await log.read({ streamId: stream.id, after: 0, through: 10, bytesMax: MIB });
      expect(beyond).toEqual({ kind: "read", publications: [], through: 0 });
      await open.commit();
      const all = await readAll(log, stream.id, -1, 3);
      expect(all.texts).toEqual(["stable", "open", "behind"]);
    });
    await producer.close();
  });

  test("a record larger than the fetch is read", async () => {
    const topic = await kafka.fixture.topic({ settings: { "max.message.bytes": `${8 * MIB}` } });
    await kafka.fixture.produce(topic, ["small", "y".repeat(3 * MIB), "last"]);
    await withLog(topic, async (log, stream) => {
      const all = await readAll(log, stream.id, -1, 2, 1000);
      expect(all.texts.map((text) => text.length)).toEqual([5, 3 * MIB, 4]);
    });
  });

  test("what retention has deleted is lost, with the offsets that are", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.produce(topic, numbered(10, "r"));
    await deleteRecords(kafka.fixture.cluster, topic, 0, 6);
    await withLog(topic, async (log, stream) => {
      expect(stream).toMatchObject({ earliest: 6, next: 10 });
      const request = { streamId: stream.id, bytesMax: MIB };
      expect(await log.read({ ...request, after: 1, through: 9 })).toEqual({
        kind: "lost",
        through: 5,
        reason: "retention",
      });
      expect(await log.read({ ...request, after: 1, through: 3 })).toEqual({
        kind: "lost",
        through: 3,
        reason: "retention",
      });
      expect(texts(await log.read({ ...request, after: 5, through: 9 }))).toHaveLength(4);
    });
  });

  test("a position beyond the end of the log is said to be truncated", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.produce(topic, ["only"]);
    await withLog(topic, async (log, stream) => {
      const result = await log.read({ streamId: stream.id, after: 7, through: 9, bytesMax: MIB });
      expect(result).toEqual({ kind: "truncated", next: 1 });
    });
  });

  test("holes left by compaction are read over", async () => {
    const topic = await kafka.fixture.topic({
      settings: {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.001",
        "segment.bytes": "1048576",
      },
    });
    for (let round = 0; round < 5; round++) {
      await kafka.fixture.producer.send(
        ["k1", "k2"].map((key) => ({ topic, partition: 0, key, value: `${key}-${round}` })),
      );
      await Bun.sleep(150);
    }
    await withLog(topic, async (log, stream) => {
      await until(async () => (await readAll(log, stream.id, -1, 9)).texts.length < 10);
      const all = await readAll(log, stream.id, -1, 9);
      expect(all.through).toBe(9);
      expect(all.texts.slice(-2)).toEqual(["k1-4", "k2-4"]);
    });
  }, 60_000);

  test("a topic deleted and created anew is gone, and is another stream", async () => {
    const topic = await kafka.fixture.topic();
    await kafka.fixture.produce(topic, ["old"]);
    await withLog(topic, async (log, stream) => {
      expect(texts(await log.read({ streamId: stream.id, after: -1, through: 0, bytesMax: MIB }))).toEqual([
        "old",
      ]);
      await deleteTopic(kafka.fixture.cluster, topic);
      await until(async () => (await kafka.fixture.cluster.topics([topic])).size === 0);
      await until(async () => (await outcome(log, stream.id)) === "gone");
      await kafka.fixture.topic({ name: topic });
      await kafka.fixture.produce(topic, ["new"]);
      expect(await outcome(log, stream.id)).toBe("gone");
      const [anew] = await log.streams();
      expect(anew?.id).not.toBe(stream.id);
      expect(
        texts(await log.read({ streamId: anew?.id ?? "", after: -1, through: 0, bytesMax: MIB })),
      ).toEqual(["new"]);
    });
  }, 60_000);

  for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
    test(`what Kafka's own producer compressed with ${codec} is read`, async () => {
      const topic = await kafka.fixture.topic();
      const lines = Array.from(
        { length: 400 },
        (_, index) => `{"n":${index},"text":"${"abc ".repeat(index % 50)}ü"}`,
      );
      await kafka.fixture.kafka.tool(
        "org.apache.kafka.tools.ConsoleProducer",
        [
          "--bootstrap-server",
          kafka.fixture.kafka.brokers.join(","),
          "--topic",
          topic,
          "--compression-codec",
          codec,
        ],
        `${lines.join("\n")}\n`,
      );
      await withLog(topic, async (log, stream) => {
        expect((await readAll(log, stream.id, -1, stream.next - 1)).texts).toEqual(lines);
        expect((await readAll(log, stream.id, 199, stream.next - 1, 500)).texts).toEqual(lines.slice(200));
      });
    }, 30_000);
  }

  test("a partition without a leader hides no other", async () => {
    const topic = await kafka.fixture.topic({ partitions: 3 });
    await kafka.fixture.produce(topic, ["one"]);
    const log = new KafkaLog({ connection: kafka.fixture.connection, topics: [topic], route });
    const topics = KafkaCluster.prototype.topics;
    // A broker of its own for one partition, that is never there, and no broker at all for another.
    const cluster = spyOn(KafkaCluster.prototype, "topics").mockImplementation(async function (
      this: KafkaCluster,
      names,
    ) {
      const found = await topics.call(this, names);
      return new Map(
        [...found].map(([name, known]) => [
          name,
          { ...known, leaders: known.leaders.with(1, -1).with(2, 77) },
        ]),
      );
    });
    try {
      expect((await log.streams()).map(({ name }) => name)).toEqual([`${topic}/0`]);
      expect(log.unplaced.map(({ name }) => name)).toEqual([`${topic}/1`, `${topic}/2`]);
    } finally {
      cluster.mockRestore();
    }
    expect((await log.streams()).length).toBe(3);
    expect(log.unplaced).toEqual([]);
    await log.close();
  });

  test("a broker that can not be reached is unavailable, and no other error", async () => {
    const log = new KafkaLog({
      connection: { brokers: ["127.0.0.1:1"], clientId: "t" },
      topics: ["t"],
      route,
    });
    const failure = await log.streams().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LogError);
    expect(failure).toMatchObject({ code: "log_unavailable" });
    await log.close();
  });

  async function withLog(
    topic: string,
    work: (log: KafkaLog, stream: LogStream) => Promise<void>,
  ): Promise<void> {
    const log = new KafkaLog({
      connection: kafka.fixture.connection,
      topics: [topic],
      route,
      goneAfterMs: 500,
    });
    try {
      const [stream] = await log.streams();
      if (stream === undefined) throw new Error("no stream");
      await work(log, stream);
    } finally {
      await log.close();
    }
  }
});

function route(_streamId: string, record: SourceRecord): Publication {
  const { offset, timestampMs, topic, value } = record;
  return { offset, timestampMs, channel: topic, envelope: value ?? new Uint8Array(0) };
}

function texts(result: RangeResult): string[] {
  if (result.kind !== "read") throw new Error(result.kind);
  return result.publications.map(({ envelope }) => new TextDecoder().decode(envelope));
}

async function outcome(log: KafkaLog, streamId: string): Promise<string> {
  try {
    return (await log.read({ streamId, after: -1, through: 0, bytesMax: MIB })).kind;
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
}

async function readAll(log: KafkaLog, streamId: string, after: number, through: number, bytesMax = MIB) {
  const all: string[] = [];
  let reads = 0;
  let at = after;
  for (; at < through; reads++) {
    const result = await log.read({ streamId, after: at, through, bytesMax });
    all.push(...texts(result));
    if (result.kind !== "read" || result.through <= at) throw new Error(`no progress at ${at}`);
    at = result.through;
  }
  return { texts: all, reads, through: at };
}

function numbered(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
