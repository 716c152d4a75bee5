import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kafkaAvailable, sharedKafka, startKafka } from "../../../test/services/kafka.ts";
import { KafkaFixture } from "../../../test/services/kafkaFixture.ts";
import { until } from "../../../test/services/until.ts";
import { addPartitions, deleteRecords, deleteTopic } from "../kafka/topics.ts";
import { KafkaSource, type KafkaSourceOptions } from "./kafka.ts";
import type { SourceBatch, SourceSink } from "./source.ts";

const BROKER_START_MS = 120_000;

describe.skipIf(!kafkaAvailable())("the Kafka source", () => {
  let fixture: KafkaFixture;
  beforeAll(async () => {
    fixture = new KafkaFixture(await sharedKafka());
  }, BROKER_START_MS);
  afterAll(() => fixture?.close());

  test("from earliest, every record arrives once and in order, and the next member goes on after it", async () => {
    const topic = await fixture.topic();
    const groupId = newGroup();
    await fixture.produce(topic, numbered(100, "a"));
    await reading(options(topic, { groupId, from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 100);
      expect(sink.values(topic)).toEqual(numbered(100, "a"));
      expect(sink.assignments).toEqual([[`${topic}/0`, 0]]);
      expect(sink.batches[0]?.after).toBe(-1);
    });
    await fixture.produce(topic, ["later"]);
    await reading(options(topic, { groupId, from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 1);
      expect(sink.assignments).toEqual([[`${topic}/0`, 100]]);
      expect(sink.batches[0]?.after).toBe(99);
    });
  });

  test("from latest, the first position is committed at once, so that nothing is missed when nobody reads", async () => {
    const topic = await fixture.topic({ partitions: 2 });
    const groupId = newGroup();
    await fixture.produce(topic, ["old"]);
    await reading(options(topic, { groupId }), async (source) => {
      await until(() => committed(source) === "1,0");
    });
    await fixture.produce(topic, ["while away"]);
    await fixture.produce(topic, ["there too"], 1);
    await reading(options(topic, { groupId }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic).sort()).toEqual(["there too", "while away"]);
    });
  });

  test("from latest, partitions that are added later are read from their beginning", async () => {
    const topic = await fixture.topic();
    await reading(options(topic), async (source, sink) => {
      await until(() => committed(source) === "0");
      await addPartitions(fixture.cluster, topic, 3);
      await fixture.led(topic, 3);
      await fixture.produce(topic, ["first of 2"], 2);
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
      await fixture.topic({ name: topic });
      await fixture.produce(topic, ["one", "two"]);
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic)).toEqual(["one", "two"]);
    });
  });

  test("a topic deleted and created anew is read from its beginning, as another stream", async () => {
    const topic = await fixture.topic();
    await fixture.produce(topic, ["old 1", "old 2"]);
    await reading(options(topic, { from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 2);
      await deleteTopic(fixture.cluster, topic);
      await until(async () => (await fixture.cluster.topics([topic])).size === 0);
      await fixture.topic({ name: topic });
      await fixture.produce(topic, ["new"]);
      await until(() => sink.values(topic).includes("new"));
      expect(new Set(sink.batches.map(({ streamId }) => streamId)).size).toBe(2);
      expect(sink.batches.at(-1)).toMatchObject({ after: -1, through: 0 });
    });
  });

  test("markers of transactions belong to a range, aborted records do not arrive", async () => {
    const topic = await fixture.topic();
    await fixture.transactions(topic, [
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
    const topic = await fixture.topic();
    const groupId = newGroup();
    await fixture.produce(topic, numbered(4, "a"));
    await reading(options(topic, { groupId, from: "earliest" }), async (_source, sink) => {
      await until(() => sink.values(topic).length === 4);
    });
    await fixture.produce(topic, numbered(6, "b"));
    await deleteRecords(fixture.cluster, topic, 0, 8);
    await reading(options(topic, { groupId, from: "earliest" }), async (source, sink) => {
      await until(() => sink.values(topic).length === 2);
      expect(sink.assignments).toEqual([[`${topic}/0`, 4]]);
      expect(sink.batches[0]).toMatchObject({ after: 7, through: 9 });
      expect(source.stats().outOfRange).toBe(1);
    });
  });

  test("poison records arrive as they are and block nothing", async () => {
    const topic = await fixture.topic({ settings: { "max.message.bytes": "8388608" } });
    const bytes = new Uint8Array([0xff, 0xfe, 0x00]);
    await fixture.producer.send([
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
    const topic = await fixture.topic({ settings: { "message.timestamp.type": "LogAppendTime" } });
    await reading(options(topic, { from: "earliest" }), async (_source, sink) => {
      const beganMs = Date.now();
      await fixture.produce(topic, ["one", "two"]);
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic)).toEqual(["one", "two"]);
      for (const { timestampMs } of sink.records(topic)) expect(timestampMs).toBeGreaterThanOrEqual(beganMs);
    });
  });

  test("nothing is committed before it is accepted, and a partition that waits for that is paused", async () => {
    const topic = await fixture.topic();
    const groupId = newGroup();
    const value = "v".repeat(10_000);
    await fixture.produce(topic, numbered(400, value));
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

  test("two members share the partitions; when one stops the other goes on, and nothing is lost", async () => {
    const partitions = 6;
    const topic = await fixture.topic({ partitions });
    const groupId = newGroup();
    const sink = new RecordingSink();
    const feed = startFeed(fixture, topic, partitions);
    const first = new KafkaSource(options(topic, { groupId, from: "earliest" }));
    await first.start(sink);
    await until(() => first.stats().partitions.length === partitions);
    const second = new KafkaSource(options(topic, { groupId, from: "earliest" }));
    await second.start(sink);
    await until(() => first.stats().partitions.length === 3 && second.stats().partitions.length === 3);
    // Cooperative: only what moved was taken away, the rest was read on.
    expect(sink.revocations).toHaveLength(3);
    await first.stop();
    await until(() => second.stats().partitions.length === partitions);
    const third = new KafkaSource(options(topic, { groupId, from: "earliest" }));
    await third.start(sink);
    await until(() => third.stats().partitions.length === 3);
    const sent = await feed.stop();
    await until(
      () => sink.distinct(topic) >= sent,
      30_000,
      () => `${sink.distinct(topic)} of ${sent}`,
    );
    expect(sink.distinct(topic)).toBe(sent);
    sink.expectComplete();
    await Promise.all([second.stop(), third.stop()]);
  }, 60_000);

  test("a member that stops while the group forms anew is gone at once, and holds nobody up", async () => {
    const topic = await fixture.topic({ partitions: 4 });
    const settings = options(topic, { groupId: newGroup(), from: "earliest", sessionTimeoutMs: 60_000 });
    await reading(settings, async (first) => {
      for (const afterMs of [0, 50, 150, 300, 450, 600]) {
        const passing = new KafkaSource(settings);
        const started = passing.start(new RecordingSink()).catch(() => undefined);
        // It waits for the first one's next sign of life, up to a second: somewhere within that it is told to stop.
        await Bun.sleep(afterMs);
        await Promise.all([passing.stop(), started]);
      }
      const second = new KafkaSource(settings);
      const started = second.start(new RecordingSink());
      const shares = () => [first, second].map((source) => source.stats().partitions.length);
      // For one that is gone without a word the group waits 15 s, which is how long it may take to form anew.
      await until(() => Bun.deepEquals(shares(), [2, 2]), 10_000, shares);
      await started;
      await second.stop();
      await until(() => first.stats().partitions.length === 4, 10_000, shares);
    });
  }, 45_000);

  test("a member with an instance id that crashed comes back at once, without waiting for its session", async () => {
    const topic = await fixture.topic({ partitions: 2 });
    const groupId = newGroup();
    const settings = options(topic, {
      groupId,
      groupInstanceId: "shard-0",
      from: "earliest",
      sessionTimeoutMs: 30_000,
    });
    const crashed = new KafkaSource(settings);
    await crashed.start(new RecordingSink());
    await until(() => crashed.stats().partitions.length === 2);
    await fixture.produce(topic, ["one"]);
    const began = performance.now();
    // The first is still a member when the second comes with its name, as it is after a crash.
    await reading(settings, async (_source, sink) => {
      await until(() => sink.values(topic).length === 1);
      expect(performance.now() - began).toBeLessThan(5_000);
      await until(() => crashed.stats().partitions.length === 0);
    });
    await crashed.stop();
  }, 30_000);

  test("the leader counts the members that publish to another bus, and says so", async () => {
    const topic = await fixture.topic({ partitions: 3 });
    const groupId = newGroup();
    const said: string[] = [];
    const logger = (level: string, message: string) => void (level === "error" && said.push(message));
    const own = options(topic, { groupId, busName: "one", logger });
    await reading(own, async (first) => {
      await reading(own, async (second) => {
        expect(strangersOf(first, second)).toBe(0);
        const other = new KafkaSource({ ...own, busName: "two", logger: () => undefined });
        await other.start(new RecordingSink());
        await until(() => strangersOf(first, second, other) > 0);
        expect(strangersOf(first, second)).toBe(1);
        expect(said).toHaveLength(1);
        expect(said[0]).toContain(`1 member(s) of the consumer group ${groupId} publish to another bus`);
        await other.stop();
        await until(() => strangersOf(first, second) === 0);
      });
    });
  }, 30_000);

  test("release leaves the group and resume comes back without a loss", async () => {
    const topic = await fixture.topic();
    await reading(options(topic, { from: "earliest" }), async (source, sink) => {
      await fixture.produce(topic, ["one"]);
      await until(() => sink.values(topic).length === 1);
      await source.release();
      expect(source.stats()).toMatchObject({ state: "released", partitions: [] });
      await fixture.produce(topic, ["two"]);
      await source.resume();
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic)).toEqual(["one", "two"]);
    });
  });

  test("a resume that comes before the release has ended keeps what the new membership is given", async () => {
    const topic = await fixture.topic();
    await reading(options(topic, { from: "earliest" }), async (source, sink) => {
      for (let round = 1; round <= 3; round++) {
        const releasing = source.release();
        await source.resume();
        await releasing;
        await fixture.produce(topic, [`${round}`]);
        await until(() => sink.distinct(topic) === round);
      }
      expect(source.stats()).toMatchObject({ state: "reading", partitions: [{}] });
    });
  });

  test("a broker that is restarted, killed or hangs while it is read costs nothing", async () => {
    const kafka = await startKafka();
    const own = new KafkaFixture(kafka);
    const topic = await own.topic({ partitions: 2 });
    const sink = new RecordingSink();
    const delaysMs: unknown[] = [];
    const logger = (_level: string, _message: string, fields: object = {}) =>
      void ("retryMs" in fields && delaysMs.push(fields.retryMs));
    const settings = options(topic, { from: "earliest", logger });
    const source = new KafkaSource({ ...settings, connection: own.connection });
    await source.start(sink);
    const feed = startFeed(own, topic, 2);
    await until(() => sink.distinct(topic) > 20);
    await kafka.restart();
    const before = sink.distinct(topic);
    await until(
      () => sink.distinct(topic) > before + 20,
      30_000,
      () => source.stats().lastError,
    );
    await kafka.kill();
    await kafka.restart();
    const between = sink.distinct(topic);
    await until(
      () => sink.distinct(topic) > between + 20,
      30_000,
      () => source.stats().lastError,
    );
    // A broker that hangs for longer than the session: the member is put out of its group meanwhile.
    kafka.signal("SIGSTOP");
    await Bun.sleep(7_000);
    kafka.signal("SIGCONT");
    const sent = await feed.stop();
    await until(
      () => sink.distinct(topic) >= sent,
      30_000,
      () => source.stats().lastError,
    );
    expect(sink.distinct(topic)).toBe(sent);
    sink.expectComplete();
    await kafka.kill();
    await source.stop();
    // Those who read the log see when it is tried again; leaving a group is not.
    expect(delaysMs).not.toBeEmpty();
    expect(delaysMs.filter((delayMs) => !(Number.isInteger(delayMs) && Number(delayMs) > 0))).toEqual([]);
    await own.close();
    await kafka.stop();
  }, 120_000);

  function options(topic: string, more: Partial<KafkaSourceOptions> = {}): KafkaSourceOptions {
    return {
      connection: fixture.connection,
      groupId: newGroup(),
      topics: [topic],
      from: "latest",
      metadataIntervalMs: 200,
      commitIntervalMs: 50,
      sessionTimeoutMs: 6_000,
      ...more,
    };
  }

  async function reading(
    settings: KafkaSourceOptions,
    work: (source: KafkaSource, sink: RecordingSink) => Promise<void>,
  ): Promise<void> {
    const source = new KafkaSource(settings);
    const sink = new RecordingSink();
    try {
      await source.start(sink);
      await work(source, sink);
    } finally {
      sink.release();
      await source.stop();
    }
  }
});

class RecordingSink implements SourceSink {
  readonly assignments: [name: string, next: number][] = [];
  readonly revocations: string[] = [];
  readonly batches: SourceBatch[] = [];
  #gate: PromiseWithResolvers<void> | undefined;

  assigned(stream: { readonly id: string; readonly name: string }, next: number): void {
    this.assignments.push([stream.name, next]);
  }

  revoked(streamId: string): void {
    this.revocations.push(streamId);
  }

  async accept(batch: SourceBatch): Promise<void> {
    this.batches.push(batch);
    await this.#gate?.promise;
  }

  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  records(topic: string) {
    return this.batches.flatMap(({ records }) => records).filter((record) => record.topic === topic);
  }

  values(topic: string): string[] {
    return this.records(topic).map(({ value }) => new TextDecoder().decode(value ?? new Uint8Array(0)));
  }

  distinct(topic: string): number {
    return new Set(this.values(topic)).size;
  }

  /** Whatever its owners were, each stream's batches cover it without a hole, in order but for repeats. */
  expectComplete(): void {
    for (const [stream, batches] of Map.groupBy(this.batches, ({ streamId }) => streamId)) {
      let through = -1;
      for (const batch of batches) {
        if (batch.after > through) throw new Error(`${stream} has a hole from ${through} to ${batch.after}`);
        through = Math.max(through, batch.through);
      }
    }
  }
}

/** Keeps producing distinct values to all partitions until it is stopped; then tells how many there were. */
function startFeed(
  fixture: KafkaFixture,
  topic: string,
  partitions: number,
): { stop: () => Promise<number> } {
  let running = true;
  let sent = 0;
  const done = (async () => {
    while (running) {
      const records = Array.from({ length: 10 }, () => ({
        topic,
        partition: sent % partitions,
        key: null,
        value: `f-${sent++}`,
      }));
      await fixture.producer.send(records);
      await Bun.sleep(20);
    }
  })();
  return {
    stop: async () => {
      running = false;
      await done;
      return sent;
    },
  };
}

function committed(source: KafkaSource): string {
  const partitions = [...source.stats().partitions].sort((a, b) => (a.name < b.name ? -1 : 1));
  return partitions.map(({ committed: offset }) => offset).join(",");
}

function newGroup(): string {
  return `g-${crypto.randomUUID().slice(0, 8)}`;
}

function numbered(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** Only the group's leader knows. */
function strangersOf(...sources: readonly KafkaSource[]): number {
  return Math.max(...sources.map((source) => source.stats().strangers));
}
