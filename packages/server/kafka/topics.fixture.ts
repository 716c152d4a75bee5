import { createPartitionsV3, deleteRecordsV2, deleteTopicsV6 } from "@platformatic/kafka";
import { CONTROL_LANE, type KafkaCluster } from "./cluster.ts";

const TIMEOUT_MS = 10_000;

/** Rejects with a `KafkaError`. */
export async function deleteTopic(cluster: KafkaCluster, name: string): Promise<void> {
  await cluster.useAny(`delete the topic ${name}`, (connection) =>
    deleteTopicsV6.api.async(connection, [{ name }], TIMEOUT_MS),
  );
}

/** Raises the number of a topic's partitions. Rejects with a `KafkaError`. */
export async function addPartitions(cluster: KafkaCluster, name: string, count: number): Promise<void> {
  await cluster.useAny(`add partitions to ${name}`, (connection) =>
    createPartitionsV3.api.async(connection, [{ name, count, assignments: null }], TIMEOUT_MS, false),
  );
}

/** Deletes the records below `offset`. Rejects with a `KafkaError`. */
export async function deleteRecords(
  cluster: KafkaCluster,
  topic: string,
  partition: number,
  offset: number,
): Promise<void> {
  const leader = (await cluster.topics([topic])).get(topic)?.leaders[partition] ?? -1;
  const request = [{ name: topic, partitions: [{ partitionIndex: partition, offset: BigInt(offset) }] }];
  await cluster.call(
    leader,
    CONTROL_LANE,
    `delete records of ${topic}`,
    deleteRecordsV2.api,
    request,
    TIMEOUT_MS,
  );
}
