import { connect } from "@shardcast/client/client";
import type { TestKafka } from "./services/kafka.ts";
import { KafkaFixture } from "./services/kafkaFixture.ts";
import { until } from "./services/until.ts";

/** A topic of one partition whose records are the numbers from 0 on. */
export class NumberedTopic {
  readonly name: string;
  readonly #fixture: KafkaFixture;
  #next = 0;

  private constructor(fixture: KafkaFixture, name: string) {
    this.#fixture = fixture;
    this.name = name;
  }

  static async create(kafka: TestKafka): Promise<NumberedTopic> {
    const fixture = new KafkaFixture(kafka);
    return new NumberedTopic(fixture, await fixture.topic());
  }

  /** With these an instance reads it into a channel of its name. */
  get flags(): readonly string[] {
    const brokers = this.#fixture.kafka.brokers.join(",");
    return ["--kafka-brokers", brokers, "--kafka-topics", this.name, "--channel-template", "{topic}"];
  }

  /** Appends so many more. */
  async append(count: number): Promise<void> {
    await this.#fixture.produce(this.name, numbers(this.#next, this.#next + count).map(String));
    this.#next += count;
  }

  /** Waits until the broker leads it (again). */
  async led(): Promise<void> {
    await this.#fixture.led(this.name, 1);
  }

  async close(): Promise<void> {
    await this.#fixture.close();
  }
}

/** A client that notes what it sees of such a topic. */
export class NumbersReader {
  readonly seen: number[] = [];
  readonly client;
  readonly #name: string;

  constructor(url: string, { name }: NumberedTopic) {
    this.client = connect(url, { backoff: { minMs: 20, maxMs: 200 } });
    this.#name = name;
  }

  /** Resolves once it gets what comes from now on. */
  async subscribe(): Promise<void> {
    await this.client.subscribe<number>(this.#name, ({ data }) => this.seen.push(data)).ready;
  }

  /** Waits until it has seen so many. */
  async sees(count: number, withinMs = 30_000): Promise<void> {
    await until(
      () => this.seen.length >= count,
      withinMs,
      () => this.seen,
    );
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
