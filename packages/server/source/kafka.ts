import { partitionKey, type TopicPartition } from "../kafka/assign.ts";
import { KafkaCluster, partitionsOf, type TopicMetadata } from "../kafka/cluster.ts";
import { GroupMember } from "../kafka/groupMember.ts";
import { KafkaError } from "../kafka/kafkaError.ts";
import type { KafkaConnectionOptions } from "../kafka/options.ts";
import { KafkaAnswers } from "./kafkaAnswers.ts";
import { KafkaCommits } from "./kafkaCommits.ts";
import { KafkaFetcher } from "./kafkaFetcher.ts";
import { PartitionReading } from "./kafkaPartition.ts";
import { startPositions } from "./kafkaPositions.ts";
import { KafkaSourceCounters, type KafkaSourceState, type KafkaSourceStats } from "./kafkaStats.ts";
import { KafkaTopics } from "./kafkaTopics.ts";
import type { Source, SourceLogger, SourceSink } from "./source.ts";

export interface KafkaSourceOptions {
  readonly connection: KafkaConnectionOptions;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly from: "latest" | "earliest";
  /** Static membership: a member that crashed comes back as the one it was. Must be unique in the group. */
  readonly groupInstanceId?: string;
  /** Names the bus that the sink publishes to: all members of a group must have the same. Default "". */
  readonly busName?: string;
  /** Of one answer of a broker. Default 4 MiB. */
  readonly fetchBytesMax?: number;
  /** Bytes handed over and not yet accepted, over all partitions; each has an equal share. Default 32 MiB. */
  readonly pendingBytesMax?: number;
  /** How long the group waits for a silent member, in ms. Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** Between commits, in ms. Default 500. */
  readonly commitIntervalMs?: number;
  /** Between looks for new leaders, partitions and topics, in ms. Default 3,000. */
  readonly metadataIntervalMs?: number;
  readonly logger?: SourceLogger;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
}

/** A partition may always have so much pending, however many there are. */
const PENDING_SHARE_MIN_BYTES = 256 * 1024;
/** What was handed over may be accepted within this time when a partition is given up; the rest is read again. */
const REVOKE_WAIT_MS = 2_000;
const RETRY_MS = { first: 100, most: 3_000 } as const;

/** Reads Kafka topics as a member of a consumer group, and commits what the sink has accepted. */
export class KafkaSource implements Source {
  readonly #options: Required<Omit<KafkaSourceOptions, "groupInstanceId">> & {
    readonly groupInstanceId: string | undefined;
  };
  readonly #counters = new KafkaSourceCounters();
  readonly #readings = new Map<string, PartitionReading>();
  /** What the group has assigned, whether or not its position is known yet. */
  readonly #owned = new Map<string, TopicPartition>();
  readonly #topicsAtStart = new Map<string, string>();
  #sink: SourceSink | undefined;
  #session: Session | undefined;
  #leaving: Promise<void> = Promise.resolve();
  #state: KafkaSourceState = "stopped";

  constructor(options: KafkaSourceOptions) {
    this.#options = {
      groupInstanceId: undefined,
      fetchBytesMax: 4 * 1024 * 1024,
      pendingBytesMax: 32 * 1024 * 1024,
      sessionTimeoutMs: 10_000,
      commitIntervalMs: 500,
      metadataIntervalMs: 3_000,
      logger: () => undefined,
      random: Math.random,
      busName: "",
      ...options,
    };
  }

  /** Rejects with a `KafkaError` for what retrying can not mend (credentials, access, a broker that is too old). */
  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink;
    await this.resume();
  }

  async stop(): Promise<void> {
    await this.#leave("stopped");
  }

  /** Leaves the group while the bus can not be reached, so that instances whose bus works take over. */
  async release(): Promise<void> {
    this.#options.logger("warn", "leaving the consumer group until the bus can be reached");
    await this.#leave("released");
  }

  /** Joins the group again after `release`, and when that has left it: two memberships would take from each other. */
  async resume(): Promise<void> {
    await this.#leaving;
    const sink = this.#sink;
    // Before it was started there is nobody to read for.
    if (this.#session !== undefined || sink === undefined) return;
    this.#state = "joining";
    const session = this.#open(sink);
    this.#session = session;
    try {
      const topics = await session.topics.first(() => this.#session === session);
      this.#began(topics);
      if (!session.closed) this.#compare(session, topics);
      await session.member.start();
    } catch (error) {
      if (this.#session === session) await this.#leave("stopped");
      throw error;
    }
  }

  stats(): KafkaSourceStats {
    const share = this.#pendingShare();
    return {
      ...this.#counters,
      state: this.#state,
      generation: this.#session?.member.generation ?? -1,
      partitions: [...this.#readings.values()].map((reading) => ({
        streamId: reading.streamId,
        name: reading.name,
        position: reading.position,
        accepted: reading.accepted,
        committed: reading.committed,
        lag: reading.lag,
        pendingBytes: reading.pendingBytes,
        paused: reading.pendingBytes >= share,
      })),
    };
  }

  #open(sink: SourceSink): Session {
    const { connection, random, fetchBytesMax, sessionTimeoutMs, groupId, groupInstanceId, topics, busName } =
      this.#options;
    const { commitIntervalMs, metadataIntervalMs } = this.#options;
    const cluster = new KafkaCluster(connection);
    const fetcher = new KafkaFetcher({
      cluster,
      readings: () => this.#readings.values(),
      pendingBytesMax: () => this.#pendingShare(),
      fetchBytesMax,
      random,
      fetched: (reading, fetched) => answers.take(reading, fetched),
      failed: (error) => {
        this.#failed(error);
        session.topics.lookSoon();
      },
    });
    const answers = new KafkaAnswers({
      ...{ cluster, sink, counters: this.#counters, logger: this.#options.logger },
      served: () => {
        if (this.#state === "failing") this.#state = "reading";
      },
      failed: (error) => this.#failed(error),
      wake: () => fetcher.wake(),
      lookSoon: () => session.topics.lookSoon(),
    });
    const member = new GroupMember(
      { cluster, groupId, topics, instanceId: groupInstanceId, sessionTimeoutMs, random, busName },
      {
        assigned: (partitions) => this.#assigned(session, partitions),
        revoked: (partitions) => this.#revoked(session, partitions),
        lost: (partitions) => this.#lost(partitions),
        failed: (error, retryMs) => this.#failed(error, retryMs === undefined ? {} : { retryMs }),
        strangers: (count) => {
          this.#counters.strangers = count;
          if (count === 0) return;
          const message = `${count} member(s) of the consumer group ${groupId} publish to another bus: what they read does not reach this one. Give each cluster a --kafka-group of its own, or all of its instances the same --bus and --bus-prefix.`;
          this.#options.logger("error", message);
        },
        joined: (generation, partitions) => {
          this.#counters.rebalances++;
          this.#state = "reading";
          this.#options.logger("info", "joined the consumer group", { groupId, generation, partitions });
        },
      },
    );
    const session: Session = {
      cluster,
      fetcher,
      member,
      commits: new KafkaCommits({
        member,
        readings: () => this.#readings.values(),
        intervalMs: commitIntervalMs,
        counters: this.#counters,
        failed: (error) => this.#failed(error),
      }),
      topics: new KafkaTopics({
        cluster,
        topics,
        intervalMs: metadataIntervalMs,
        seen: (found) => this.#compare(session, found),
        failed: (error, retryMs) => this.#failed(error, retryMs === undefined ? {} : { retryMs }),
      }),
      closed: false,
    };
    return session;
  }

  #leave(state: "stopped" | "released"): Promise<void> {
    const session = this.#session;
    this.#state = state;
    if (session === undefined) return this.#leaving;
    this.#session = undefined;
    this.#leaving = this.#endSession(session);
    return this.#leaving;
  }

  async #endSession(session: Session): Promise<void> {
    session.commits.stopTimer();
    session.topics.stopTimer();
    await session.member.leave();
    session.closed = true;
    session.commits.close();
    session.topics.close();
    await session.fetcher.close();
    this.#lost([...this.#owned.values()]);
    await session.cluster.close();
  }

  #pendingShare(): number {
    return Math.max(
      PENDING_SHARE_MIN_BYTES,
      this.#options.pendingBytesMax / Math.max(1, this.#readings.size),
    );
  }

  // What the group says.

  #assigned(session: Session, partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#owned.set(partitionKey(partition), partition);
    void this.#position(session);
  }

  async #revoked(session: Session, partitions: readonly TopicPartition[]): Promise<void> {
    for (const partition of partitions) this.#owned.delete(partitionKey(partition));
    const readings = partitions.flatMap((partition) => this.#readings.get(partitionKey(partition)) ?? []);
    for (const reading of readings) reading.ended = true;
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, REVOKE_WAIT_MS);
    await Promise.race([Promise.all(readings.map((reading) => reading.idle())), timer.promise]);
    clearTimeout(timeout);
    await session.commits.commit(readings);
    this.#lost(partitions);
  }

  #lost(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      this.#owned.delete(partitionKey(partition));
      const reading = this.#readings.get(partitionKey(partition));
      if (reading !== undefined) this.#end(reading);
    }
  }

  #end(reading: PartitionReading): void {
    reading.ended = true;
    this.#readings.delete(partitionKey(reading));
    this.#sink?.revoked(reading.streamId);
  }

  /** Finds where to begin with what is owned and not yet read, until that is known. */
  async #position(session: Session): Promise<void> {
    for (
      let delayMs: number = RETRY_MS.first;
      !session.closed;
      delayMs = Math.min(delayMs * 2, RETRY_MS.most)
    ) {
      try {
        if (await this.#positionOnce(session)) return;
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (session.closed) return;
        this.#failed(error, { retryMs: delayMs });
      }
      await Bun.sleep(delayMs * (0.5 + this.#options.random() / 2));
    }
  }

  async #positionOnce(session: Session): Promise<boolean> {
    const missing = () =>
      [...this.#owned].filter(([key]) => !this.#readings.has(key)).map(([, partition]) => partition);
    const wanted = missing();
    if (wanted.length === 0) return true;
    const topics = await session.cluster.topics([...new Set(wanted.map(({ topic }) => topic))]);
    const { from } = this.#options;
    const committed = (partitions: readonly TopicPartition[]) => session.member.committed(partitions);
    const options = { cluster: session.cluster, committed, from, topicsAtStart: this.#topicsAtStart };
    const starts = await startPositions(options, wanted, topics);
    if (session.closed) return true;
    // Some may have been given up, or begun by another call, in between.
    for (const at of missing()) {
      const topic = topics.get(at.topic);
      const start = starts.get(partitionKey(at));
      if (topic === undefined || start === undefined) continue;
      const reading = new PartitionReading(at, topic.id, topic.leaders[at.partition] ?? -1, start);
      this.#readings.set(partitionKey(at), reading);
      this.#sink?.assigned({ id: reading.streamId, name: reading.name }, start.next);
    }
    session.fetcher.wake();
    // At once, so that whoever reads these next begins here, and not at a latest that has moved on.
    await session.commits.commit();
    return missing().length === 0;
  }

  // What the cluster has.

  /** The topics that are there when the source starts, and comes back after it was released. */
  #began(topics: ReadonlyMap<string, TopicMetadata>): void {
    for (const topic of this.#options.topics)
      if (!topics.has(topic)) this.#options.logger("warn", "the topic does not exist yet", { topic });
    if (this.#topicsAtStart.size === 0)
      for (const { name, id } of topics.values()) this.#topicsAtStart.set(name, id);
  }

  #compare(session: Session, topics: ReadonlyMap<string, TopicMetadata>): void {
    let anew = false;
    for (const reading of [...this.#readings.values()]) {
      const topic = topics.get(reading.topic);
      if (topic === undefined || reading.ended) continue;
      if (topic.id !== reading.topicId) {
        this.#options.logger("warn", "the topic was deleted and created anew", { stream: reading.name });
        this.#end(reading);
        anew = true;
      } else reading.leader = topic.leaders[reading.partition] ?? -1;
    }
    if (anew) void this.#position(session);
    session.fetcher.wake();
    session.member.noticePartitions(partitionsOf(topics));
  }

  #failed(error: KafkaError, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#counters.errors++;
    this.#counters.lastError = error.message;
    if (this.#state === "reading") this.#state = "failing";
    this.#options.logger("warn", error.message, {
      code: error.code,
      protocolCode: error.protocolCode,
      ...fields,
    });
  }
}

/** What lives from joining the group until leaving it. */
interface Session {
  readonly cluster: KafkaCluster;
  readonly fetcher: KafkaFetcher;
  readonly member: GroupMember;
  readonly commits: KafkaCommits;
  readonly topics: KafkaTopics;
  closed: boolean;
}
