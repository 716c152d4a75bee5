import { expect } from "bun:test";
import { connect } from "@shardcast/client/client";
import { createProducer, type KafkaProducer } from "@shardcast/server/kafka/producer";

export const TOPIC = "numbers";
/** Of the records, which are the channels that the ledgers are of: `a.numbers` … */
export const KEYS = ["a", "b", "c", "d"];

/** SDK clients, each with what it has seen of every channel, in the order of its arrival. */
export class Ledgers {
  readonly #clients;

  /** `urlOf` gives the addresses of each, by its number. */
  constructor(count: number, urlOf: (index: number) => string | readonly string[]) {
    this.#clients = Array.from({ length: count }, (_, index) => {
      const seen = new Map(KEYS.map((key) => [`${key}.${TOPIC}`, [] as number[]]));
      const client = connect(urlOf(index), { backoff: { minMs: 50, maxMs: 500 } });
      const ready = [...seen].map(
        ([channel, numbers]) => client.subscribe<number>(channel, ({ data }) => numbers.push(data)).ready,
      );
      return { client, seen, ready };
    });
  }

  get ready(): Promise<unknown> {
    return Promise.all(this.#clients.flatMap(({ ready }) => ready));
  }

  get reconnects(): number {
    return this.reconnectsOfEach.reduce((sum, reconnects) => sum + reconnects, 0);
  }

  get reconnectsOfEach(): number[] {
    return this.#clients.map(({ client }) => client.stats.reconnects);
  }

  /** How many are connected to an address that contains this. */
  countAt(address: string): number {
    return this.#clients.filter(({ client }) => client.status === "connected" && client.url.includes(address))
      .length;
  }

  /** That every client has every record of each key, once and in order: 0 to `count` - 1. */
  async expectAll(count: number, withinMs = 30_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    const missing = () =>
      this.#clients.flatMap(({ seen }) => [...seen.values()].filter((numbers) => numbers.length < count))
        .length;
    while (missing() > 0 && Date.now() < deadline) await Bun.sleep(50);
    const numbers = Array.from({ length: count }, (_, index) => index);
    for (const { seen, client } of this.#clients) {
      for (const own of seen.values()) expect(own).toEqual(numbers);
      expect(client.stats.gaps).toBe(0);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(({ client }) => client.close()));
  }
}

/** Numbers each key's records from 0 on, so that a ledger shows what is missing, repeated or out of order. */
export class Numbers {
  sent = 0;
  readonly #producer: KafkaProducer;

  constructor(brokers: readonly string[]) {
    this.#producer = createProducer({
      connection: { brokers, clientId: "numbers" },
      deliveryTimeoutMs: 60_000,
    });
  }

  async send(count: number, pauseMs = 0): Promise<void> {
    for (let left = count; left > 0; left--) {
      const value = `${this.sent++}`;
      await this.#producer.send(KEYS.map((key) => ({ topic: TOPIC, key, value })));
      if (pauseMs > 0) await Bun.sleep(pauseMs);
    }
  }

  /** Sends until `during` is done. */
  async sendDuring(pauseMs: number, during: () => Promise<void>): Promise<void> {
    let isOver = false;
    const sending = (async () => {
      while (!isOver) await this.send(1, pauseMs);
    })();
    try {
      await during();
    } finally {
      isOver = true;
      await sending;
    }
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}
