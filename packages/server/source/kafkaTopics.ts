import type { KafkaCluster, TopicMetadata } from "../kafka/cluster.ts";
import { KafkaError } from "../kafka/kafkaError.ts";

export interface KafkaTopicsOptions {
  readonly cluster: Pick<KafkaCluster, "topics">;
  readonly topics: readonly string[];
  readonly intervalMs: number;
  /** Called with the topics that are there, after each look. */
  readonly seen: (topics: ReadonlyMap<string, TopicMetadata>) => void;
  /** A look failed; the next one comes by itself, after `retryMs` where that is known. */
  readonly failed: (error: KafkaError, retryMs?: number) => void;
}

const RETRY_MS = { first: 100, most: 3_000 } as const;
const LOOK_AGAIN_MS = 250;

/** Looks at the topics again and again: their leaders change, they get partitions, are deleted and made anew. */
export class KafkaTopics {
  readonly #options: KafkaTopicsOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: KafkaTopicsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), options.intervalMs);
  }

  /**
   * The topics that are there, asked for until a broker answers or `isWanted` ends. Rejects with a `KafkaError` then,
   * and at once for what retrying can not mend.
   */
  async first(isWanted: () => boolean): Promise<ReadonlyMap<string, TopicMetadata>> {
    const { cluster, topics, failed } = this.#options;
    for (let delayMs: number = RETRY_MS.first; ; delayMs = Math.min(delayMs * 2, RETRY_MS.most)) {
      try {
        return await cluster.topics(topics);
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.transient || !isWanted()) throw error;
        failed(error, delayMs);
        await Bun.sleep(delayMs);
      }
    }
  }

  /** Something looks changed. */
  lookSoon(): void {
    if (this.#closed || this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      void this.#look();
    }, LOOK_AGAIN_MS);
  }

  /** From here on it looks only when it is asked to. */
  stopTimer(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  /** What is seen, or fails, is not told any more. */
  close(): void {
    this.stopTimer();
    this.#closed = true;
  }

  async #look(): Promise<void> {
    const { cluster, topics, seen, failed } = this.#options;
    try {
      const found = await cluster.topics(topics);
      if (!this.#closed) seen(found);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (!this.#closed) failed(error);
    }
  }
}
