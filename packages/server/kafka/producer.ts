import { initProducerIdV4, type MessageRecord, murmur2, NumericMap, produceV9 } from "@platformatic/kafka";
import { KafkaCluster, type Lane, type TopicMetadata } from "./cluster.ts";
import { KafkaError, PROTOCOL } from "./kafkaError.ts";
import type { KafkaConnectionOptions } from "./options.ts";

export interface ProducerOptions {
  readonly connection: KafkaConnectionOptions;
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** How long a send tries before it rejects, in ms. Default 30,000. */
  readonly deliveryTimeoutMs?: number;
  /** Bytes that may wait to be acknowledged; beyond that a send rejects at once. Default 32 MiB. */
  readonly pendingBytesMax?: number;
  /** Of one request to one partition. Default 768 KiB, below the brokers' usual limit of 1 MiB. */
  readonly batchBytesMax?: number;
}

export interface RecordToSend {
  readonly topic: string;
  readonly key: Uint8Array | string | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | string | null;
  readonly headers?: ReadonlyArray<readonly [name: string, value: Uint8Array | string]>;
  /** In ms since 1970. Default now. */
  readonly timestampMs?: number;
  /** Default: by the hash of the key, as Kafka's own producer does; without a key in turn. */
  readonly partition?: number;
}

export interface SentRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface KafkaProducer {
  /**
   * Resolves, in the order of the records, once all replicas that are in sync have them. Records of one partition keep
   * their order, also over several calls, and are written once even when a request had to be repeated. Rejects with a
   * `KafkaError`; some of the records may then have been written.
   */
  send(records: readonly RecordToSend[]): Promise<SentRecord[]>;
  close(): Promise<void>;
}

const LANE: Lane = { name: "produce", requestTimeoutMs: 15_000 };
const METADATA_AGE_MAX_MS = 30_000;
const RETRY_MS = { first: 50, most: 1_000 } as const;

/** Connects when it first sends. */
export function createProducer(options: ProducerOptions): KafkaProducer {
  return new IdempotentProducer(options);
}

class IdempotentProducer implements KafkaProducer {
  readonly #cluster: KafkaCluster;
  readonly #options: Required<ProducerOptions>;
  /** The end of the work of each partition: a partition's batches go one after the other. */
  readonly #tails = new Map<string, Promise<unknown>>();
  #topics = new Map<string, TopicMetadata>();
  #topicsReadAt = new Map<string, number>();
  #identity: Promise<{ producerId: bigint; producerEpoch: number }> | undefined;
  readonly #sequences = new NumericMap();
  #pendingBytes = 0;
  #turn = 0;
  #closed = false;

  constructor(options: ProducerOptions) {
    this.#options = {
      compression: "none",
      deliveryTimeoutMs: 30_000,
      pendingBytesMax: 32 * 1024 * 1024,
      batchBytesMax: 768 * 1024,
      ...options,
    };
    this.#cluster = new KafkaCluster(options.connection);
  }

  async send(records: readonly RecordToSend[]): Promise<SentRecord[]> {
    const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#options.pendingBytesMax) {
      throw new KafkaError(
        "kafka_unreachable",
        `More than ${this.#options.pendingBytesMax} bytes wait for Kafka already. Try again later.`,
      );
    }
    this.#pendingBytes += bytes;
    try {
      return await this.#sendAll(records);
    } finally {
      this.#pendingBytes -= bytes;
    }
  }

  async close(): Promise<void> {
    // What was handed over is sent; nothing new is taken.
    this.#closed = true;
    await Promise.allSettled(this.#tails.values());
    await this.#cluster.close();
  }

  async #sendAll(records: readonly RecordToSend[]): Promise<SentRecord[]> {
    if (this.#closed) throw new KafkaError("kafka_closed", "The producer is closed.");
    const deadline = performance.now() + this.#options.deliveryTimeoutMs;
    await this.#knowTopics(new Set(records.map(({ topic }) => topic)), deadline);
    const sent: SentRecord[] = new Array(records.length);
    const batches = new Map<string, Batch>();
    const work: Promise<void>[] = [];
    const flush = (key: string, batch: Batch) => {
      batches.delete(key);
      work.push(this.#enqueue(key, batch, sent, deadline));
    };
    for (const [index, record] of records.entries()) {
      const partition = this.#partitionOf(record);
      const key = `${record.topic}:${partition}`;
      const size = sizeOf(record);
      const open = batches.get(key);
      if (open !== undefined && open.bytes + size > this.#options.batchBytesMax) flush(key, open);
      const batch = batches.get(key) ?? {
        topic: record.topic,
        partition,
        bytes: 0,
        indexes: [],
        records: [],
      };
      batches.set(key, batch);
      batch.bytes += size;
      batch.indexes.push(index);
      batch.records.push(record);
    }
    for (const [key, batch] of batches) flush(key, batch);
    // All are awaited also when one fails, so that nothing of this call is still on its way when it rejects.
    const results = await Promise.allSettled(work);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return sent;
  }

  #enqueue(key: string, batch: Batch, sent: SentRecord[], deadline: number): Promise<void> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const run = before.then(() => this.#produce(batch, sent, deadline));
    const tail = run.catch(() => undefined);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return run;
  }

  async #produce(batch: Batch, sent: SentRecord[], deadline: number): Promise<void> {
    const { topic, partition } = batch;
    const key = `${topic}:${partition}`;
    const now = Date.now();
    for (let delayMs: number = RETRY_MS.first; ; delayMs = Math.min(delayMs * 2, RETRY_MS.most)) {
      try {
        const identity = await this.#identify();
        const messages = batch.records.map((record) => toMessage(record, partition, now));
        const { compression } = this.#options;
        const options = { ...identity, compression, sequences: this.#sequences };
        const leader = this.#topics.get(topic)?.leaders[partition] ?? -1;
        const response = await this.#cluster.call(
          leader,
          LANE,
          `write to ${topic}`,
          produceV9.api,
          -1,
          10_000,
          messages,
          options,
        );
        const first =
          typeof response === "boolean"
            ? undefined
            : response.responses[0]?.partitionResponses[0]?.baseOffset;
        if (first === undefined)
          throw new KafkaError("kafka_refused", `Could not write to ${topic}: the answer names no offset`);
        this.#sequences.set(key, (this.#sequences.getWithDefault(key, 0) + messages.length) % 2 ** 31);
        for (const [at, index] of batch.indexes.entries())
          sent[index] = { topic, partition, offset: Number(first) + at };
        return;
      } catch (error) {
        if (
          !(error instanceof KafkaError) ||
          !this.#mayRetry(error) ||
          performance.now() + delayMs > deadline
        )
          throw error;
        await Bun.sleep(delayMs * (0.5 + Math.random() / 2));
        await this.#readTopics([topic]).catch(ignoreUntilDeadline);
      }
    }
  }

  #mayRetry(error: KafkaError): boolean {
    switch (error.protocolCode) {
      case PROTOCOL.outOfOrderSequence:
      case PROTOCOL.unknownProducerId:
      case PROTOCOL.invalidProducerEpoch:
        // The broker has forgotten us (retention, a lost log): begin anew, under another name.
        this.#identity = undefined;
        this.#sequences.clear();
        return true;
      default:
        return error.transient;
    }
  }

  #identify(): Promise<{ producerId: bigint; producerEpoch: number }> {
    this.#identity ??= (async () => {
      const doing = "get a producer id";
      const node = await this.#cluster.someNode();
      return await this.#cluster.call(node, LANE, doing, initProducerIdV4.api, null, 0, -1n, -1);
    })().catch((error: unknown) => {
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
  }

  async #knowTopics(names: ReadonlySet<string>, deadline: number): Promise<void> {
    const now = performance.now();
    let missing = [...names].filter(
      (name) => now - (this.#topicsReadAt.get(name) ?? Number.NEGATIVE_INFINITY) > METADATA_AGE_MAX_MS,
    );
    for (
      let delayMs: number = RETRY_MS.first;
      missing.length > 0;
      delayMs = Math.min(delayMs * 2, RETRY_MS.most)
    ) {
      try {
        await this.#readTopics(missing);
        missing = missing.filter((name) => !this.#topics.has(name));
        if (missing.length === 0) return;
        const message = `Kafka has no topic ${missing.map((name) => `"${name}"`).join(", ")}. Create it, or correct its name.`;
        throw new KafkaError("kafka_unknown_topic", message);
      } catch (error) {
        const worthIt =
          error instanceof KafkaError && error.code !== "kafka_unknown_topic" && error.transient;
        if (!worthIt || performance.now() + delayMs > deadline) throw error;
        await Bun.sleep(delayMs);
      }
    }
  }

  async #readTopics(names: readonly string[]): Promise<void> {
    const found = await this.#cluster.topics(names);
    for (const [name, topic] of found) {
      this.#topics.set(name, topic);
      this.#topicsReadAt.set(name, performance.now());
    }
  }

  #partitionOf({ topic, key, partition }: RecordToSend): number {
    const count = this.#topics.get(topic)?.leaders.length ?? 1;
    if (partition !== undefined) {
      if (partition >= 0 && partition < count) return partition;
      throw new KafkaError(
        "kafka_unknown_topic",
        `Topic "${topic}" has ${count} partitions, and no partition ${partition}.`,
      );
    }
    if (key === null) return this.#turn++ % count;
    return (murmur2(toBuffer(key)) & 0x7fffffff) % count;
  }
}

interface Batch {
  readonly topic: string;
  readonly partition: number;
  bytes: number;
  readonly indexes: number[];
  readonly records: RecordToSend[];
}

const RECORD_OVERHEAD_BYTES = 32;

function sizeOf({ key, value, headers }: RecordToSend): number {
  let bytes =
    RECORD_OVERHEAD_BYTES + (key === null ? 0 : byteLength(key)) + (value === null ? 0 : byteLength(value));
  for (const [name, content] of headers ?? []) bytes += byteLength(name) + byteLength(content);
  return bytes;
}

function byteLength(content: Uint8Array | string): number {
  return typeof content === "string" ? Buffer.byteLength(content) : content.byteLength;
}

function toBuffer(content: Uint8Array | string): Buffer {
  return typeof content === "string"
    ? Buffer.from(content)
    : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}

function toMessage(record: RecordToSend, partition: number, nowMs: number): MessageRecord {
  const { topic, key, value, headers } = record;
  return {
    topic,
    partition,
    ...(key === null ? {} : { key: toBuffer(key) }),
    // The library writes a missing value as null, which its types do not say.
    value: (value === null ? null : toBuffer(value)) as Buffer,
    timestamp: BigInt(record.timestampMs ?? nowMs),
    ...(headers === undefined
      ? {}
      : { headers: new Map(headers.map(([name, content]) => [toBuffer(name), toBuffer(content)])) }),
  };
}

/** The next attempt meets the same trouble, and reports it when the time is up. */
function ignoreUntilDeadline(): void {}
