import { createProducer, type KafkaProducer } from "@shardcast/server/kafka/producer";

/** What every record holds: its place among the records of its key. */
export interface FeedRecord {
  readonly n: number;
}

const TURN_MS = 50;
/** Records that the broker has not acknowledged: beyond it the feed waits, as it does while the broker is away. */
const UNDER_WAY_MAX = 2000;

/** Numbers the records of each key from 0 on, so that every ledger can tell what is missing, repeated or out of order. */
export class Feed {
  /** By key: how many the broker has acknowledged. */
  readonly acknowledged = new Map<string, number>();
  readonly #keys: readonly string[];
  readonly #topic: string;
  readonly #producer: KafkaProducer;
  readonly #sent = new Map<string, number>();
  readonly #perTurn: number;
  #underWay = 0;
  #turn = 0;
  #isStopping = false;
  #failure: unknown;
  #running: Promise<void> = Promise.resolve();

  constructor(
    brokers: readonly string[],
    topic: string,
    options: { readonly keys: readonly string[]; readonly perSecond: number },
  ) {
    this.#topic = topic;
    this.#keys = options.keys;
    this.#perTurn = Math.max(1, Math.round((options.perSecond * TURN_MS) / 1000));
    this.#producer = createProducer({
      connection: { brokers, clientId: "chaos-feed" },
      deliveryTimeoutMs: 180_000,
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  get records(): number {
    return [...this.#sent.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Ends when the broker has acknowledged all; rejects where it did not take a record. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    while (this.#underWay > 0) await Bun.sleep(20);
    await this.#producer.close();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping && this.#failure === undefined) {
      if (this.#underWay < UNDER_WAY_MAX) this.#send();
      await Bun.sleep(TURN_MS);
    }
  }

  #send(): void {
    const records = Array.from({ length: this.#perTurn }, () => {
      const key = this.#keys[this.#turn++ % this.#keys.length] ?? "";
      const n = this.#sent.get(key) ?? 0;
      this.#sent.set(key, n + 1);
      return { key, value: JSON.stringify({ n } satisfies FeedRecord) };
    });
    this.#underWay += records.length;
    this.#producer.send(records.map((record) => ({ topic: this.#topic, ...record }))).then(
      () => {
        this.#underWay -= records.length;
        for (const { key } of records) this.acknowledged.set(key, (this.acknowledged.get(key) ?? 0) + 1);
      },
      (error: unknown) => {
        this.#underWay -= records.length;
        this.#failure ??= error;
      },
    );
  }
}
