import { formatCursor } from "@shardcast/protocol/cursor";
import { PublishError, type Published, type PublishItem } from "../admin/publishRequest.ts";
import type { KafkaConfig } from "../config/shape.ts";
import { KafkaCluster } from "../kafka/cluster.ts";
import { KafkaError } from "../kafka/kafkaError.ts";
import { createProducer, type KafkaProducer } from "../kafka/producer.ts";
import { streamIdOf } from "../log/streamId.ts";

/** HTTP publishes that go into a Kafka topic: as durable and ordered as everything else. */
export class TopicPublisher {
  readonly #producer: KafkaProducer;
  readonly #cluster: KafkaCluster;
  readonly #topic: string;

  constructor(kafka: KafkaConfig, topic: string) {
    this.#producer = createProducer({ connection: kafka.connection });
    this.#cluster = new KafkaCluster(kafka.connection);
    this.#topic = topic;
  }

  /** Resolves with the cursors once Kafka has all items. Rejects with `PublishError`. */
  async publish(items: readonly PublishItem[]): Promise<readonly Published[]> {
    try {
      const topic = (await this.#cluster.topics([this.#topic])).get(this.#topic);
      if (topic === undefined) {
        const message = `Kafka has no topic "${this.#topic}", which --publish-topic names: create it`;
        throw new PublishError("publish_topic_missing", message);
      }
      const sent = await this.#producer.send(
        items.map(({ channel, data }) => ({
          topic: this.#topic,
          // The key is the channel: its messages keep their order, and the topic's template is `{key}`.
          key: channel,
          value: data,
        })),
      );
      return sent.map(({ partition, offset }, index) => ({
        channel: items[index]?.channel ?? "",
        cursor: formatCursor(streamIdOf(this.#topic, topic.id, partition), offset),
      }));
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const code = error.code === "kafka_record_too_large" ? "payload_too_large" : "unavailable";
      throw new PublishError(code, error.message, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
    await this.#cluster.close();
  }
}
