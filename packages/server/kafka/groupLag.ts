import { partitionKey } from "./assign.ts";
import { CONTROL_LANE, type KafkaCluster } from "./cluster.ts";
import { GroupCoordinator } from "./groupCoordinator.ts";
import { committedOffsets } from "./groupOffsets.ts";
import { LATEST, listOffsets, type PartitionAt } from "./offsets.ts";

/**
 * How many records of a topic a consumer group has not committed yet, as the brokers say; undefined where it has committed
 * nothing at all, as a group that does not exist. A partition without a commit counts whole. Rejects with a `KafkaError`.
 */
export async function groupLag(
  cluster: KafkaCluster,
  groupId: string,
  topic: string,
): Promise<number | undefined> {
  const { leaders } = (await cluster.topics([topic])).get(topic) ?? { leaders: [] };
  const partitions = leaders.map((leader, partition): PartitionAt => ({ topic, partition, leader }));
  const [committed, ends] = await Promise.all([
    committedOffsets(new GroupCoordinator(cluster, groupId), CONTROL_LANE, partitions),
    listOffsets(cluster, partitions, LATEST),
  ]);
  if (committed.size === 0) return undefined;
  let lag = 0;
  for (const partition of partitions.map(partitionKey)) {
    const end = ends.get(partition) ?? 0;
    lag += Math.max(0, end - (committed.get(partition)?.offset ?? 0));
  }
  return lag;
}
