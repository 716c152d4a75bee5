import { partitionKey, type TopicPartition } from "../kafka/assign.ts";
import { type KafkaCluster, partitionsOf, type TopicMetadata } from "../kafka/cluster.ts";
import type { CommittedOffset } from "../kafka/groupOffsets.ts";
import { EARLIEST, LATEST, listOffsets } from "../kafka/offsets.ts";
import { parseCommitMetadata, type StartPosition } from "./kafkaPartition.ts";

export interface PositionsOptions {
  readonly cluster: KafkaCluster;
  readonly committed: (partitions: readonly TopicPartition[]) => Promise<Map<string, CommittedOffset>>;
  readonly from: "latest" | "earliest";
  /** The ids of the topics that were there when this process started, by name. */
  readonly topicsAtStart: ReadonlyMap<string, string>;
}

/**
 * Where partitions begin to be read, by `topic/partition`: where the group has committed, otherwise at `latest` if they
 * were there when the group first read their topic, otherwise from their beginning, because their first records came
 * when the group was already at work. Rejects with a `KafkaError`.
 */
export async function startPositions(
  options: PositionsOptions,
  partitions: readonly TopicPartition[],
  topics: ReadonlyMap<string, TopicMetadata>,
): Promise<Map<string, StartPosition>> {
  const committed = await options.committed(partitionsOf(topics));
  const starts = new Map<string, StartPosition>();
  const wanted: {
    readonly at: TopicPartition;
    readonly leader: number;
    readonly n: number;
    readonly where: bigint;
  }[] = [];
  for (const at of partitions) {
    const topic = topics.get(at.topic);
    const leader = topic?.leaders[at.partition];
    if (topic === undefined || leader === undefined || leader < 0) continue;
    const own = committed.get(partitionKey(at));
    const metadata = own === undefined ? undefined : parseCommitMetadata(own.metadata);
    if (own !== undefined && (metadata === undefined || metadata.topicId === topic.id)) {
      const firstPartitions = metadata?.firstPartitions ?? topic.leaders.length;
      starts.set(partitionKey(at), { next: own.offset, firstPartitions, committed: true });
      continue;
    }
    const n = firstPartitionsOf(topic, committed, options.topicsAtStart);
    const where = options.from === "latest" && at.partition < n ? LATEST : EARLIEST;
    wanted.push({ at, leader, n, where });
  }
  for (const where of [EARLIEST, LATEST]) {
    const some = wanted.filter((entry) => entry.where === where);
    const offsets = await listOffsets(
      options.cluster,
      some.map(({ at, leader }) => ({ ...at, leader })),
      where,
    );
    for (const { at, n } of some) {
      const next = offsets.get(partitionKey(at));
      if (next !== undefined) starts.set(partitionKey(at), { next, firstPartitions: n, committed: false });
    }
  }
  return starts;
}

function firstPartitionsOf(
  topic: TopicMetadata,
  committed: ReadonlyMap<string, CommittedOffset>,
  topicsAtStart: ReadonlyMap<string, string>,
): number {
  let any = false;
  let first: number | undefined;
  for (const partition of topic.leaders.keys()) {
    const commit = committed.get(partitionKey({ topic: topic.name, partition }));
    if (commit === undefined) continue;
    any = true;
    const metadata = parseCommitMetadata(commit.metadata);
    if (metadata?.topicId === topic.id) first = Math.max(first ?? 0, metadata.firstPartitions);
  }
  if (first !== undefined) return first;
  // The group has read this topic, but another tool has committed, or it was a topic of another id.
  if (any) return 0;
  return topicsAtStart.get(topic.name) === topic.id ? topic.leaders.length : 0;
}
