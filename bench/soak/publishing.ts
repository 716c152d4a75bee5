/** What is published at instances beside the records of Kafka: large messages, and channels that are never used again. */
export interface PublishingOptions {
  readonly admins: readonly string[];
  readonly bulkChannel: string;
}

const BULK_BYTES = 16_000;
const EVERY_MS = 500;
/** Fresh channels in each turn. */
const FRESH = 2;
const FILL_BATCH = 500;

export class Publishing {
  readonly #options: PublishingOptions;
  #fresh = 0;
  #isEnded = false;
  #running: Promise<void> = Promise.resolve();
  failures = 0;

  constructor(options: PublishingOptions) {
    this.#options = options;
  }

  /** So many channels of one message each, so that last values and history have reached their bounds before it is measured. */
  async fill(channels: number): Promise<void> {
    for (let at = 0; at < channels; at += FILL_BATCH) await this.#publish(this.#freshItems(FILL_BATCH));
  }

  start(): void {
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      const bulk = { channel: this.#options.bulkChannel, data: "x".repeat(BULK_BYTES) };
      await this.#publish([bulk, bulk, ...this.#freshItems(FRESH)]);
      await Bun.sleep(EVERY_MS);
    }
  }

  #freshItems(count: number): object[] {
    return Array.from({ length: count }, () => ({ channel: `fresh.${++this.#fresh}`, data: "once" }));
  }

  async #publish(items: readonly object[]): Promise<void> {
    const { admins } = this.#options;
    const admin = admins[this.#fresh % admins.length] ?? "";
    const answer = await fetch(`${admin}/api/publish`, { method: "POST", body: JSON.stringify(items) });
    if (!answer.ok) this.failures += 1;
    await answer.text();
  }
}
