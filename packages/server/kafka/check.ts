import { KafkaCluster } from "./cluster.ts";
import { KafkaError } from "./kafkaError.ts";
import type { KafkaConnectionOptions } from "./options.ts";

/**
 * Asks the cluster, once, whether it can be reached, whether it lets us in, and whether the topics are there. Rejects
 * with a `KafkaError` that says what to do.
 */
export async function checkKafka(
  connection: KafkaConnectionOptions,
  topics: readonly string[],
): Promise<void> {
  const cluster = new KafkaCluster(connection);
  try {
    const found = await cluster.topics(topics);
    const missing = topics.filter((topic) => !found.has(topic));
    if (missing.length > 0) {
      const names = missing.map((name) => `"${name}"`).join(", ");
      const message = `Kafka at ${connection.brokers.join(", ")} has no topic ${names}. Create it, or correct its name.`;
      throw new KafkaError("kafka_unknown_topic", message);
    }
  } finally {
    await cluster.close();
  }
}
