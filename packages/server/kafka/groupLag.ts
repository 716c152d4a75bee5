import { findCoordinatorV4, offsetFetchV8 } from "@platformatic/kafka";
import { CONTROL_LANE, type KafkaCluster } from "./cluster.ts";
import { KafkaError } from "./kafkaError.ts";
import { LATEST, listOffsets, type PartitionAt } from "./offsets.ts";

const GROUP_COORDINATOR = 0;

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
    committedOffsets(cluster, groupId, topic, leaders.length),
    listOffsets(cluster, partitions, LATEST),
  ]);
  if (committed.size === 0) return undefined;
  let lag = 0;
  for (const { partition } of partitions) {
    const end = ends.get(`${topic}/${partition}`) ?? 0;
    lag += Math.max(0, end - (committed.get(partition) ?? 0));
  }
  return lag;
}

async function committedOffsets(
  cluster: KafkaCluster,
  groupId: string,
  topic: string,
  count: number,
): Promise<ReadonlyMap<number, number>> {
  const doing = `read what the group ${groupId} has committed`;
  const { coordinators } = await cluster.useAny(doing, (connection) =>
    findCoordinatorV4.api.async(connection, GROUP_COORDINATOR, [groupId]),
  );
  const [coordinator] = coordinators;
  if (coordinator === undefined)
    throw new KafkaError("kafka_refused", `Could not ${doing}: the broker names no coordinator`);
  cluster.learn(coordinator.nodeId, coordinator);
  const partitionIndexes = Array.from({ length: count }, (_, partition) => partition);
  const group = { groupId, memberEpoch: -1, topics: [{ name: topic, partitionIndexes }] };
  const call = cluster.call(coordinator.nodeId, CONTROL_LANE, doing, offsetFetchV8.api, [group], true);
  const found = new Map<number, number>();
  for (const { partitions } of (await call).groups[0]?.topics ?? []) {
    for (const { partitionIndex, committedOffset } of partitions) {
      if (committedOffset >= 0n) found.set(partitionIndex, Number(committedOffset));
    }
  }
  return found;
}
