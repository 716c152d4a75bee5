import { partitionKey, type TopicPartition } from "./assign.ts";
import type { Lane } from "./cluster.ts";
import type { GroupCoordinator } from "./groupCoordinator.ts";
import { offsetCommitV8, offsetFetchV8 } from "./library.ts";

export interface CommittedOffset {
  readonly offset: number;
  readonly metadata: string;
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number;
  readonly metadata: string;
}

/** By what the broker refuses an owner that is out of date. */
export interface Ownership {
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId: string | undefined;
}

/** The ownership is asked for when the coordinator is found. Rejects with a `KafkaError`. */
export async function commitOffsets(
  coordinator: GroupCoordinator,
  lane: Lane,
  ownership: () => Ownership,
  offsets: readonly OffsetToCommit[],
): Promise<void> {
  const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: metadata,
    })),
  }));
  const node = await coordinator.find();
  const { generation, memberId, instanceId } = ownership();
  await coordinator.call(node, lane, "commit offsets", offsetCommitV8.api, [
    coordinator.groupId,
    generation,
    memberId,
    instanceId ?? null,
    topics,
  ]);
}

/** What a group has committed, by `topic/partition`; without an entry where it has not. Rejects with a `KafkaError`. */
export async function committedOffsets(
  coordinator: GroupCoordinator,
  lane: Lane,
  partitions: readonly TopicPartition[],
): Promise<Map<string, CommittedOffset>> {
  const { groupId } = coordinator;
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, list]) => ({
    name,
    partitionIndexes: list.map(({ partition }) => partition),
  }));
  const node = await coordinator.find();
  const doing = `read what the group ${groupId} has committed`;
  const group = { groupId, memberEpoch: -1, topics };
  const response = await coordinator.call(node, lane, doing, offsetFetchV8.api, [[group], true]);
  const committed = new Map<string, CommittedOffset>();
  for (const { name, partitions: list } of response.groups[0]?.topics ?? []) {
    for (const { partitionIndex, committedOffset, metadata } of list) {
      if (committedOffset < 0n) continue;
      committed.set(partitionKey({ topic: name, partition: partitionIndex }), {
        offset: Number(committedOffset),
        metadata: metadata ?? "",
      });
    }
  }
  return committed;
}
