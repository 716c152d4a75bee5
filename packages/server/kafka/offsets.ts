import { listOffsetsV7 } from "@platformatic/kafka";
import { CONTROL_LANE, type KafkaCluster } from "./cluster.ts";

/** Kafka's special timestamps. */
export const EARLIEST = -2n;
export const LATEST = -1n;

export interface PartitionAt {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number;
}

/**
 * The earliest offset or the one after the last stable one, of each partition by `topic/partition`. With `uncommitted`
 * the latest is the high watermark. Rejects with a `KafkaError`.
 */
export async function listOffsets(
  cluster: KafkaCluster,
  partitions: readonly PartitionAt[],
  timestamp: bigint,
  uncommitted = false,
): Promise<Map<string, number>> {
  const leaders = Map.groupBy(partitions, ({ leader }) => leader);
  const offsets = new Map<string, number>();
  await Promise.all(
    [...leaders].map(async ([leader, own]) => {
      const topics = [...Map.groupBy(own, ({ topic }) => topic)].map(([name, list]) => ({
        name,
        partitions: list.map(({ partition }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: -1,
          timestamp,
        })),
      }));
      const doing = `read the offsets of ${topics.map(({ name }) => name).join(", ")}`;
      const isolation = uncommitted ? 0 : 1;
      const response = await cluster.call(
        leader,
        CONTROL_LANE,
        doing,
        listOffsetsV7.api,
        -1,
        isolation,
        topics,
      );
      for (const { name, partitions: list } of response.topics) {
        for (const { partitionIndex, offset } of list)
          offsets.set(`${name}/${partitionIndex}`, Number(offset));
      }
    }),
  );
  return offsets;
}
