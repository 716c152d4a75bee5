import { ProduceAcks, Producer } from "@platformatic/kafka";
import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { LATEST, listOffsets } from "@shardcast/server/kafka/offsets";
import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import { createProducer, type KafkaProducer } from "@shardcast/server/kafka/producer";
import { createTopic, type NewTopic } from "@shardcast/server/kafka/topics";
import type { TestKafka } from "./kafka.ts";
import { until } from "./until.ts";

/** What a test needs to fill a broker: topics with names of their own, records, and transactions. */
export class KafkaFixture {
  readonly kafka: TestKafka;
  readonly connection: KafkaConnectionOptions;
  readonly cluster: KafkaCluster;
  readonly producer: KafkaProducer;

  constructor(kafka: TestKafka) {
    this.kafka = kafka;
    this.connection = { brokers: kafka.brokers, clientId: "test" };
    this.cluster = new KafkaCluster(this.connection);
    this.producer = createProducer({ connection: this.connection });
  }

  /** Creates a topic and waits until the broker leads its partitions. Returns its name. */
  async topic(options: Partial<NewTopic> = {}): Promise<string> {
    const name = options.name ?? `t-${crypto.randomUUID().slice(0, 8)}`;
    await createTopic(this.cluster, { partitions: 1, ...options, name });
    await this.led(name, options.partitions ?? 1);
    return name;
  }

  /** Waits until a topic has so many partitions, each with a leader. */
  async led(name: string, partitions: number): Promise<void> {
    await until(async () => {
      const leaders = (await this.cluster.topics([name])).get(name)?.leaders ?? [];
      return leaders.length === partitions && leaders.every((leader) => leader >= 0);
    });
  }

  /** Appends values to partition 0, with their text as key too. */
  async produce(topic: string, values: readonly string[], partition = 0): Promise<void> {
    await this.producer.send(values.map((value) => ({ topic, partition, key: value, value })));
  }

  /**
   * Writes to partition 0 in transactions, each ended as it says, by one transactional producer; resolves when all of it is
   * stable: the broker writes the marker of an end after it has answered.
   */
  async transactions(
    topic: string,
    transactions: ReadonlyArray<{ readonly values: readonly string[]; readonly end: "commit" | "abort" }>,
  ): Promise<void> {
    const producer = this.transactional();
    try {
      for (const { values, end } of transactions) {
        const transaction = await producer.beginTransaction();
        for (const value of values) {
          await transaction.send({
            messages: [{ topic, partition: 0, value: Buffer.from(value) }],
            acks: ProduceAcks.ALL,
          });
        }
        await (end === "commit" ? transaction.commit() : transaction.abort());
      }
    } finally {
      await producer.close();
    }
    await until(async () => {
      const leader = (await this.cluster.topics([topic])).get(topic)?.leaders[0] ?? -1;
      const end = (uncommitted: boolean) =>
        listOffsets(this.cluster, [{ topic, partition: 0, leader }], LATEST, uncommitted);
      const [stable, last] = await Promise.all([end(false), end(true)]);
      return stable.get(`${topic}/0`) === last.get(`${topic}/0`);
    });
  }

  transactional(): Producer {
    return new Producer({
      clientId: "test",
      bootstrapBrokers: [...this.kafka.brokers],
      idempotent: true,
      transactionalId: `tx-${crypto.randomUUID()}`,
    });
  }

  async close(): Promise<void> {
    await this.producer.close();
    await this.cluster.close();
  }
}
