import { partitionKey, type TopicPartition } from "./assign.ts";
import type { KafkaCluster, Lane } from "./cluster.ts";
import { GroupCoordinator } from "./groupCoordinator.ts";
import { GroupLeader } from "./groupLeader.ts";
import { decodeShare, encodeSubscription } from "./groupMessages.ts";
import {
  type CommittedOffset,
  commitOffsets,
  committedOffsets,
  type OffsetToCommit,
} from "./groupOffsets.ts";
import { KafkaError, PROTOCOL, responseOf } from "./kafkaError.ts";
import { heartbeatV4, joinGroupV9, leaveGroupV5, syncGroupV5 } from "./library.ts";

export interface GroupMemberOptions {
  readonly cluster: KafkaCluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** With it the member comes back after a crash as the one it was, without a rebalance (static membership). */
  readonly instanceId: string | undefined;
  /** How long the group waits for a silent member, in ms. */
  readonly sessionTimeoutMs: number;
  readonly random: () => number;
  /** Names the bus to which this member publishes. Members with another one take partitions away from its shards. */
  readonly busName: string;
}

/** What the member calls, one call after the other. */
export interface GroupHandler {
  /** To be read from now on. */
  assigned(partitions: readonly TopicPartition[]): void;
  /** To be given up: what has been accepted may still be committed before the promise resolves. Must not take long. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>;
  /** Others may read these already; nothing can be committed any more. */
  lost(partitions: readonly TopicPartition[]): void;
  /** Something went wrong, and is tried again after `retryMs` where that is given. */
  failed(error: KafkaError, retryMs?: number): void;
  /** As the leader it has seen members that publish to another bus: so many. Called when the number changes. */
  strangers(count: number): void;
  /** A generation has begun. */
  joined(generation: number, partitions: number): void;
}

const PROTOCOL_TYPE = "consumer";
// A name of its own: members with another assignor must not share the group, they would not withhold what moves.
const PROTOCOL_NAME = "shardcast-cooperative-sticky";
const REBALANCE_TIMEOUT_MS = 15_000;
const BACKOFF_MS = { first: 100, most: 3_000 } as const;
const GROUP_LANE: Lane = { name: "group", requestTimeoutMs: 5_000 };
/** Joining waits until the whole group has joined, and nothing else may wait behind it. */
const JOIN_LANE: Lane = { name: "join", requestTimeoutMs: REBALANCE_TIMEOUT_MS + 10_000 };

/**
 * One member of a Kafka consumer group, after the classic protocol with cooperative rebalances: what stays with the
 * member is read on while the group forms anew.
 */
export class GroupMember {
  readonly #options: GroupMemberOptions;
  readonly #handler: GroupHandler;
  readonly #coordinator: GroupCoordinator;
  readonly #leader: GroupLeader;
  #memberId = "";
  #generation = -1;
  #owned: TopicPartition[] = [];
  #rejoin = false;
  #stopping = false;
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: GroupMemberOptions, handler: GroupHandler) {
    this.#options = options;
    this.#handler = handler;
    const { cluster, groupId, topics, busName } = options;
    this.#coordinator = new GroupCoordinator(cluster, groupId);
    this.#leader = new GroupLeader({
      ...{ cluster, topics, busName },
      strangers: (count) => handler.strangers(count),
    });
  }

  get generation(): number {
    return this.#generation;
  }

  /** Resolves when the group has let the member in; rejects for what retrying can not mend. */
  start(): Promise<void> {
    this.#running = this.#run();
    return this.#ready.promise;
  }

  /** Commits. Rejects with a `KafkaError`; the offsets then remain to be committed later, by whoever owns them. */
  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const { instanceId } = this.#options;
    const ownership = () => ({ generation: this.#generation, memberId: this.#memberId, instanceId });
    await commitOffsets(this.#coordinator, GROUP_LANE, ownership, offsets);
  }

  /** What the group has committed, by `topic/partition`; without an entry where it has not. */
  async committed(partitions: readonly TopicPartition[]): Promise<Map<string, CommittedOffset>> {
    return await committedOffsets(this.#coordinator, GROUP_LANE, partitions);
  }

  /** To be called every few seconds: the leader looks whether topics or partitions have come or gone. */
  noticePartitions(partitions: readonly TopicPartition[]): void {
    if (!this.#leader.isOutdated(partitions)) return;
    this.#rejoin = true;
    this.#wake();
  }

  /** Gives up all partitions in order and leaves at once, so that others need not wait for the session to end. */
  async leave(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    // A join that is broken off forgets its coordinator, which is as much there as it was before.
    const node = this.#coordinator.known;
    // A join may wait for other members for long.
    await this.#options.cluster.closeLane(JOIN_LANE);
    await this.#running;
    await this.#giveUp(this.#owned);
    if (this.#memberId === "" || node === undefined) return;
    const { groupId, instanceId } = this.#options;
    const member = { memberId: this.#memberId, groupInstanceId: instanceId ?? null, reason: "stopped" };
    try {
      await this.#coordinator.call(node, GROUP_LANE, "leave the group", leaveGroupV5.api, [
        groupId,
        [member],
      ]);
    } catch (error) {
      // The session then ends by itself; stopping must not hang on a broker that is away.
      this.#handler.failed(error as KafkaError);
    }
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#stopping; ) {
      try {
        await this.#join();
        attempt = 0;
        this.#ready.resolve();
        await this.#stay();
      } catch (thrown) {
        if (!(thrown instanceof KafkaError)) throw thrown;
        // Before anything else: one that stops leaves under this name.
        if (thrown.protocolCode === PROTOCOL.memberIdRequired)
          this.#memberId = memberIdOf(thrown.cause) ?? this.#memberId;
        if (this.#stopping) break;
        const fatal =
          thrown.code === "kafka_authentication" ||
          thrown.code === "kafka_authorization" ||
          thrown.code === "kafka_unsupported";
        if (fatal) this.#ready.reject(thrown);
        const delayMs = this.#recover(thrown, attempt++);
        if (delayMs === 0) continue;
        this.#handler.failed(thrown, delayMs);
        await this.#sleep(delayMs);
      }
    }
    this.#ready.reject(
      new KafkaError("kafka_closed", "The source was stopped before it had joined its group."),
    );
    // Nobody need wait for it.
    this.#ready.promise.catch(() => undefined);
  }

  /** Returns after how many ms to try again. */
  #recover(error: KafkaError, attempt: number): number {
    const mostMs = Math.min(BACKOFF_MS.first * 2 ** attempt, BACKOFF_MS.most);
    // Whole, because it is logged.
    const backoffMs = Math.round(mostMs * (0.5 + this.#options.random() / 2));
    switch (error.protocolCode) {
      case PROTOCOL.memberIdRequired:
      case PROTOCOL.rebalanceInProgress:
        return attempt < 5 ? 0 : backoffMs;
      case PROTOCOL.unknownMember:
        this.#memberId = "";
        this.#lose();
        return attempt < 2 ? 0 : backoffMs;
      case PROTOCOL.illegalGeneration:
        this.#lose();
        return attempt < 2 ? 0 : backoffMs;
      case PROTOCOL.fencedInstance:
        // Another process has this instance id. Were we to fight for it, neither would get to read.
        this.#memberId = "";
        this.#lose();
        return this.#options.sessionTimeoutMs;
      default:
        this.#coordinator.forget();
        if (performance.now() - this.#coordinator.answeredAt > this.#options.sessionTimeoutMs) this.#lose();
        return backoffMs;
    }
  }

  async #join(): Promise<void> {
    this.#rejoin = false;
    this.#leader.begin();
    const { groupId, instanceId, topics, busName, sessionTimeoutMs } = this.#options;
    const coordinator = this.#coordinator;
    const node = await coordinator.find();
    const metadata = encodeSubscription({
      topics,
      busName,
      owned: this.#owned,
      generation: this.#generation,
    });
    const joined = await coordinator.call(node, JOIN_LANE, "join the group", joinGroupV9.api, [
      groupId,
      sessionTimeoutMs,
      REBALANCE_TIMEOUT_MS,
      this.#memberId,
      instanceId ?? null,
      PROTOCOL_TYPE,
      [{ name: PROTOCOL_NAME, metadata }],
      null,
    ]);
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const leads = joined.leader === joined.memberId;
    if (!leads) this.#leader.resign();
    else if (joined.skipAssignment) this.#leader.keep();
    const shares = leads && !joined.skipAssignment ? await this.#leader.share(joined.members) : [];
    const synced = await coordinator.call(node, JOIN_LANE, "get a share of the group", syncGroupV5.api, [
      groupId,
      joined.generationId,
      joined.memberId,
      instanceId ?? null,
      PROTOCOL_TYPE,
      PROTOCOL_NAME,
      shares,
    ]);
    const share = decodeShare(synced.assignment);
    this.#handler.joined(joined.generationId, share.length);
    await this.#take(share);
  }

  async #take(share: readonly TopicPartition[]): Promise<void> {
    const before = new Set(this.#owned.map(partitionKey));
    const after = new Set(share.map(partitionKey));
    const revoked = this.#owned.filter((partition) => !after.has(partitionKey(partition)));
    const added = share.filter((partition) => !before.has(partitionKey(partition)));
    await this.#giveUp(revoked);
    // What was given up goes to its new owner in the next round, which somebody has to begin.
    if (revoked.length > 0) this.#rejoin = true;
    this.#owned = [...share];
    if (added.length > 0) this.#handler.assigned(added);
  }

  /** Keeps the membership alive until there is a reason to join again. Throws what ends it. */
  async #stay(): Promise<void> {
    const { groupId, instanceId, sessionTimeoutMs } = this.#options;
    while (!this.#stopping && !this.#rejoin) {
      await this.#sleep(Math.min(1_000, sessionTimeoutMs / 4));
      if (this.#stopping || this.#rejoin) return;
      const node = await this.#coordinator.find();
      const args: Parameters<typeof heartbeatV4.createRequest> = [
        groupId,
        this.#generation,
        this.#memberId,
        instanceId ?? null,
      ];
      await this.#coordinator.call(node, GROUP_LANE, "stay in the group", heartbeatV4.api, args);
    }
  }

  async #giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    const keys = new Set(partitions.map(partitionKey));
    this.#owned = this.#owned.filter((partition) => !keys.has(partitionKey(partition)));
    await this.#handler.revoked(partitions);
  }

  #lose(): void {
    this.#generation = -1;
    const lost = this.#owned;
    this.#owned = [];
    if (lost.length > 0) this.#handler.lost(lost);
  }

  async #sleep(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    this.#wake = resolve;
    if (this.#stopping || this.#rejoin) resolve();
    await promise;
    clearTimeout(timer);
  }
}

/** The broker names a new member in the answer that asks it to join under that name. */
function memberIdOf(error: unknown): string | undefined {
  const response = responseOf(error);
  if (typeof response !== "object" || response === null || !("memberId" in response)) return undefined;
  return typeof response.memberId === "string" ? response.memberId : undefined;
}
