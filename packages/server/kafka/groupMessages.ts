// What the members of a group tell one another, in the bytes that the coordinator passes on.
import type { TopicPartition } from "./assign.ts";
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from "./library.ts";

const VERSION = 2;

/** What a member says when it asks to join. */
export interface Subscription {
  readonly topics: readonly string[];
  readonly busName: string | undefined;
  /** What it reads at that moment, and the generation in which it got that; −1 for none. */
  readonly owned: readonly TopicPartition[];
  readonly generation: number;
}

export function encodeSubscription({ topics, busName, owned, generation }: Subscription): Buffer {
  return encodeConsumerProtocolSubscription({
    version: VERSION,
    topics: [...topics],
    ...(busName !== undefined && { userData: Buffer.from(busName) }),
    ownedPartitions: grouped(owned),
    generationId: generation,
  });
}

export function decodeSubscription(bytes: Buffer): Subscription {
  const { topics, userData, ownedPartitions, generationId } = decodeConsumerProtocolSubscription(bytes);
  return {
    topics,
    busName: userData?.toString(),
    owned: ungrouped(ownedPartitions ?? []),
    generation: generationId ?? -1,
  };
}

/** What the leader gives a member to read. */
export function encodeShare(share: readonly TopicPartition[]): Buffer {
  return encodeConsumerProtocolAssignment({ version: VERSION, assignedPartitions: grouped(share) });
}

export function decodeShare(bytes: Buffer): TopicPartition[] {
  return ungrouped(decodeConsumerProtocolAssignment(bytes).assignedPartitions);
}

interface PartitionsOfTopic {
  topic: string;
  partitions: number[];
}

function grouped(partitions: readonly TopicPartition[]): PartitionsOfTopic[] {
  return [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, list]) => ({
    topic,
    partitions: list.map(({ partition }) => partition),
  }));
}

function ungrouped(topics: readonly PartitionsOfTopic[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
