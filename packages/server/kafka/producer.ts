import { KafkaCluster, type Lane, type TopicMetadata } from "./cluster.ts";
import { KafkaError, PROTOCOL } from "./kafkaError.ts";
import { type Connection, initProducerIdV4, murmur2, produceV9, Writer } from "./library.ts";
import type { KafkaConnectionOptions } from "./options.ts";
import { encodeBatch, type RecordToEncode } from "./recordEncoder.ts";

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
  /** Settles when every call so far knows its partitions: a later one could else be the first to learn them. */
  #entering: Promise<void> = Promise.resolve();
  #topics = new Map<string, TopicMetadata>();
  #topicsReadAt = new Map<string, number>();
  #identity: Promise<{ producerId: bigint; producerEpoch: number }> | undefined;
  /** The next number of each partition, by which a broker knows a batch that it has already. */
  readonly #sequences = new Map<string, number>();
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
    await this.#entering;
    await Promise.allSettled(this.#tails.values());
    await this.#cluster.close();
  }

  async #sendAll(records: readonly RecordToSend[]): Promise<SentRecord[]> {
    if (this.#closed) throw new KafkaError("kafka_closed", "The producer is closed.");
    const deadline = performance.now() + this.#options.deliveryTimeoutMs;
    const sent: SentRecord[] = new Array(records.length);
    const before = this.#entering;
    const entered = Promise.withResolvers<void>();
    this.#entering = entered.promise;
    let work: Promise<void>[];
    try {
      await before;
      await this.#knowTopics(new Set(records.map(({ topic }) => topic)), deadline);
      work = this.#enqueueAll(records, sent, deadline);
    } finally {
      entered.resolve();
    }
    // All are awaited also when one fails, so that nothing of this call is still on its way when it rejects.
    const results = await Promise.allSettled(work);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return sent;
  }

  #enqueueAll(records: readonly RecordToSend[], sent: SentRecord[], deadline: number): Promise<void>[] {
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
    return work;
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
        const sequence = this.#sequences.get(key) ?? 0;
        const records = batch.records.map((record) => toEncode(record, now));
        const bytes = encodeBatch(records, { ...identity, sequence }, this.#options.compression);
        const leader = this.#topics.get(topic)?.leaders[partition] ?? -1;
        const first = await this.#cluster.use(leader, LANE, `write to ${topic}`, (connection) =>
          produce(connection, topic, partition, bytes),
        );
        this.#sequences.set(key, (sequence + records.length) % 2 ** 31);
        for (const [at, index] of batch.indexes.entries())
          sent[index] = { topic, partition, offset: first + at };
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

function toEncode({ key, value, headers, timestampMs }: RecordToSend, nowMs: number): RecordToEncode {
  return {
    key: key === null ? null : toBuffer(key),
    value: value === null ? null : toBuffer(value),
    headers: (headers ?? []).map(([name, content]) => [toBuffer(name), toBuffer(content)]),
    timestampMs: timestampMs ?? nowMs,
  };
}

const ACKS_ALL = -1;
const REPLICATION_TIMEOUT_MS = 10_000;

/** Writes one batch and returns the offset of its first record. */
function produce(connection: Connection, topic: string, partition: number, batch: Buffer): Promise<number> {
  const request = () =>
    Writer.create()
      .appendString(null)
      .appendInt16(ACKS_ALL)
      .appendInt32(REPLICATION_TIMEOUT_MS)
      .appendArray([topic], (topics, name) => {
        topics.appendString(name).appendArray([batch], (partitions, bytes) => {
          partitions
            .appendInt32(partition)
            .appendUnsignedVarInt(bytes.length + 1)
            .append(bytes);
        });
      })
      .appendTaggedFields();
  const { key, version } = produceV9.api;
  return new Promise((resolve, reject) => {
    connection.send(key, version, request, produceV9.parseResponse, true, true, (error, response) => {
      const offset = response?.responses[0]?.partitionResponses[0]?.baseOffset;
      if (error !== null || offset === undefined) reject(error ?? new Error("the answer names no offset"));
      else resolve(Number(offset));
    });
  });
}

/** The next attempt meets the same trouble, and reports it when the time is up. */
function ignoreUntilDeadline(): void {}
