import { CONTROL_LANE, type KafkaCluster } from "./cluster.ts";
import { PROTOCOL, protocolCodeOf } from "./kafkaError.ts";
import { createPartitionsV3, createTopicsV7, deleteRecordsV2, deleteTopicsV6 } from "./library.ts";

const TIMEOUT_MS = 10_000;

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  /** −1, the default, leaves it to the broker. */
  readonly replicationFactor?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Creates a topic; returns false where there is one of this name already. Rejects with a `KafkaError`. */
export async function createTopic(cluster: KafkaCluster, topic: NewTopic): Promise<boolean> {
  const request = {
    name: topic.name,
    numPartitions: topic.partitions,
    replicationFactor: topic.replicationFactor ?? -1,
    assignments: [],
    configs: Object.entries(topic.settings ?? {}).map(([name, value]) => ({ name, value })),
  };
  try {
    await cluster.useAny(`create the topic ${topic.name}`, (connection) =>
      createTopicsV7.api.async(connection, [request], TIMEOUT_MS, false),
    );
    return true;
  } catch (error) {
    if (protocolCodeOf(error) === PROTOCOL.topicAlreadyExists) return false;
    throw error;
  }
}

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
