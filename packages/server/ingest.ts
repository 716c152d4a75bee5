import type { Logger } from "pino";
import { counter, type Figure, gauge } from "./admin/figure.ts";
import type { BroadcastBus, ObservableBus } from "./bus/bus.ts";
import { isSharedBus } from "./config/busSchemes.ts";
import type { Config, KafkaConfig } from "./config/shape.ts";
import { KafkaError } from "./kafka/kafkaError.ts";
import { createProducer, type KafkaProducer } from "./kafka/producer.ts";
import type { SourceRecord } from "./publication.ts";
import { KafkaSource } from "./source/kafka.ts";
import { Publisher } from "./source/publisher.ts";
import { type Router, UNROUTABLE_REASONS, type Unroutable } from "./source/route.ts";
import type { StreamLag } from "./vitals/shardVitals.ts";

export interface IngestOptions {
  readonly config: Config;
  readonly kafka: KafkaConfig;
  readonly shard: number;
  /** Of this run of the instance. */
  readonly boot: string;
  readonly bus: BroadcastBus & Pick<ObservableBus, "state">;
  readonly route: Router;
  readonly logger: Logger;
}

/** An owner that can not reach its bus for this long gives its partitions up, so that it holds none hostage. */
const UNPUBLISHABLE_MS_MAX = 5000;
/** Before it asks for partitions again, and then only once the bus is connected. */
const COME_BACK_MS = 5000;
const LOOK_MS = 500;
/** Commits of a partition wait so long for a dead letter, in ms, before its topic counts as missing, or it is tried again. */
const DEAD_LETTER_MS_MAX = 10_000;
/** One poisoned topic must not fill the disk: of refused dead letters one is logged in this time. */
const REFUSAL_LOG_MS = 10_000;

/** The first half of the way in one shard: Kafka's partitions that this shard owns, routed and put on the bus. */
export class IngestHalf {
  readonly #options: IngestOptions;
  readonly #source: KafkaSource;
  readonly #publisher: Publisher;
  readonly #deadLetters: KafkaProducer | undefined;
  #looking: Timer | undefined;
  #releasedMs: number | undefined;
  /** It is giving its partitions up, or asking for some again. */
  #isChanging = false;
  #stopping: Promise<void> | undefined;
  #refusalLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: IngestOptions) {
    this.#options = options;
    const { config, kafka, shard, boot, bus, route, logger } = options;
    const { deadLetterTopic } = kafka;
    if (deadLetterTopic !== undefined) {
      const deliveryTimeoutMs = DEAD_LETTER_MS_MAX;
      this.#deadLetters = createProducer({ connection: kafka.connection, deliveryTimeoutMs });
    }
    this.#publisher = new Publisher({
      bus,
      publisher: `${config.instance.id}/${shard}`,
      route,
      log: logger,
      ...(deadLetterTopic === undefined
        ? {}
        : { deadLetter: (record, unroutable) => this.#sendDeadLetter(deadLetterTopic, record, unroutable) }),
    });
    this.#source = new KafkaSource({
      connection: kafka.connection,
      groupId: kafka.groupId,
      topics: kafka.topics,
      from: kafka.from,
      // A shard that is started anew goes on with its partitions at once, instead of when its session has ended.
      groupInstanceId: `${config.instance.id}-${boot}-${shard}`,
      busName: busName(config, boot),
      logger: (level, message, fields) => logger[level](fields ?? {}, message),
    });
  }

  get strangers(): number {
    return this.#source.stats().strangers;
  }

  get state(): string {
    return this.#source.stats().state;
  }

  get streams(): readonly StreamLag[] {
    return this.#source.stats().partitions.map(({ name, lag }) => ({ name, lag }));
  }

  get figures(): readonly Figure[] {
    const counts = () => this.#publisher.counts;
    const stats = () => this.#source.stats();
    return [
      counter("source_records", "Records read from Kafka.", () => stats().records),
      counter("source_bytes", "Their bytes.", () => stats().bytes),
      counter("source_commits", "Offsets committed.", () => stats().commits),
      counter(
        "source_commit_failures",
        "Commits that failed; the next one commits more.",
        () => stats().commitFailures,
      ),
      gauge(
        "group_strangers",
        "Members of the consumer group that publish to another bus; the group's leader tells.",
        () => stats().strangers,
      ),
      counter("source_rebalances", "Rebalances of the consumer group.", () => stats().rebalances),
      counter("source_errors", "Errors of Kafka that were tried again.", () => stats().errors),
      counter(
        "source_out_of_range",
        "Positions that the log did not have any more.",
        () => stats().outOfRange,
      ),
      counter(
        "source_unreadable",
        "Stretches skipped because they can not be decoded.",
        () => stats().unreadable,
      ),
      gauge(
        "source_lag",
        "Records of a partition that are not read yet.",
        () => Object.fromEntries(stats().partitions.map(({ name, lag }) => [name, lag])),
        "stream",
      ),
      counter("published_frames", "Frames that the bus accepted.", () => counts().frames),
      counter("published_publications", "Publications in them.", () => counts().publications),
      counter(
        "publish_retries",
        "Frames that the bus refused, and that were tried again.",
        () => counts().retries,
      ),
      counter(
        "publications_omitted",
        "Publications too large for a frame: shards read them from the log.",
        () => counts().omitted,
      ),
      counter(
        "unroutable",
        "Records that no channel could be made for.",
        // Each from the start: a count that is first seen above zero is no increase, so that its alert would not hear of it.
        () =>
          Object.fromEntries(
            UNROUTABLE_REASONS.map((reason) => [reason, counts().unroutable.get(reason) ?? 0]),
          ),
        "reason",
      ),
      counter("dead_letters", "Records sent to the dead-letter topic.", () => counts().deadLetters),
      counter(
        "dead_letter_retries",
        "Dead letters that the topic refused, and that were tried again.",
        () => counts().deadLetterRetries,
      ),
      counter(
        "dead_letters_refused",
        "Records that the dead-letter topic will never take: they stay in their own topic only.",
        () => counts().deadLettersRefused,
      ),
      counter(
        "heads_missed",
        "Heads that the bus refused, or that were left out because the ones before were still under way.",
        () => counts().headsMissed,
      ),
      gauge(
        "publish_in_flight_bytes",
        "Bytes that the bus has not accepted yet.",
        () => counts().inFlightBytes,
      ),
    ];
  }

  /**
   * Resolves when the group is joined, or after `patienceMs`: joining then goes on behind. Rejects for what retrying
   * can not mend, and where that comes later it ends the process.
   */
  async start(patienceMs: number): Promise<void> {
    // A shard that is to end before it had begun takes no partitions.
    if (this.#stopping !== undefined) return;
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    let isWaitedFor = true;
    const joining = this.#source.start(this.#publisher).catch((error: unknown) => {
      // Joining is given up when the shard ends.
      if (isWaitedFor || this.#stopping === undefined) throw error;
    });
    await Promise.race([joining, Bun.sleep(patienceMs)]);
    isWaitedFor = false;
  }

  /** Hands the partitions over to other members of the group, so that nobody waits for this one's session to end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#looking);
    await this.#source.stop();
    this.#publisher.close();
    await this.#deadLetters?.close();
  }

  #look(): void {
    if (this.#isChanging || this.#stopping !== undefined) return;
    if (this.#releasedMs === undefined) {
      if (this.#publisher.unpublishableForMs >= UNPUBLISHABLE_MS_MAX) void this.#release();
    } else if (
      performance.now() - this.#releasedMs >= COME_BACK_MS &&
      this.#options.bus.state === "connected"
    ) {
      void this.#comeBack();
    }
  }

  async #release(): Promise<void> {
    const { logger } = this.#options;
    logger.error("the bus takes nothing: this shard gives its partitions up");
    this.#isChanging = true;
    try {
      await this.#source.release();
    } catch (error) {
      logger.error({ err: error }, "giving partitions up failed");
    }
    this.#releasedMs = performance.now();
    this.#isChanging = false;
  }

  async #comeBack(): Promise<void> {
    this.#isChanging = true;
    try {
      await this.#source.resume();
      this.#releasedMs = undefined;
    } catch (error) {
      // A shard that is ending is not to come back. Otherwise it asks again after a while.
      if (this.#stopping === undefined)
        this.#options.logger.error({ err: error }, "joining the group failed");
      this.#releasedMs = performance.now();
    }
    this.#isChanging = false;
  }

  async #sendDeadLetter(
    topic: string,
    record: SourceRecord,
    { unroutable, detail }: Unroutable,
  ): Promise<"kept" | "refused"> {
    const origin = `${record.topic}/${record.partition}:${record.offset}`;
    const headers: Array<readonly [string, Uint8Array | string]> = [
      ...record.headers,
      ["shardcast-reason", unroutable],
      ["shardcast-detail", detail],
      ["shardcast-origin", origin],
    ];
    const { key, value, timestampMs } = record;
    try {
      await this.#deadLetters?.send([{ topic, key, value, headers, timestampMs }]);
      return "kept";
    } catch (error) {
      if (!isFinal(error)) throw error;
      // Tried for ever it would hold back all commits of its partition, and in the end the partition.
      if (performance.now() - this.#refusalLoggedMs >= REFUSAL_LOG_MS) {
        this.#refusalLoggedMs = performance.now();
        const message = "the dead-letter topic does not take this record: it stays in its own topic only";
        this.#options.logger.error({ err: error, origin, reason: unroutable }, message);
      }
      return "refused";
    }
  }
}

/** Refused for what the record is, or for a topic that is not there although it was tried for long: waiting blocks all. */
const FINAL_REFUSALS: ReadonlySet<string> = new Set([
  "kafka_record_too_large",
  "kafka_record_invalid",
  "kafka_unknown_topic",
]);

function isFinal(error: unknown): boolean {
  return error instanceof KafkaError && FINAL_REFUSALS.has(error.code);
}

/**
 * All members of a group must publish to one bus, or the shards of each cluster would be served only a part. Addresses
 * are left out: instances may reach the same servers by different ones.
 */
function busName({ bus, instance }: Config, boot: string): string {
  if (!isSharedBus(bus.url)) return `local/${boot}`;
  const driver = bus.url.split(/[+:]/, 1)[0]?.replace(/^rediss$/, "redis");
  return `${driver}/${bus.prefix}/${bus.scope === "global" ? "global" : instance.region}`;
}
