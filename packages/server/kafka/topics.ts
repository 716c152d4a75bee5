import type { KafkaCluster } from "./cluster.ts";
import { PROTOCOL, protocolCodeOf } from "./kafkaError.ts";
import { createTopicsV7 } from "./library.ts";

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
