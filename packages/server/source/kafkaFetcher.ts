import type { KafkaCluster, Lane } from "../kafka/cluster.ts";
import { type FetchedPartition, fetchPartitions } from "../kafka/fetch.ts";
import { KafkaError } from "../kafka/kafkaError.ts";
import type { PartitionReading } from "./kafkaPartition.ts";

export interface FetcherOptions {
  readonly cluster: KafkaCluster;
  readonly readings: () => Iterable<PartitionReading>;
  /** Bytes that one partition may have handed over and not accepted. */
  readonly pendingBytesMax: () => number;
  readonly fetchBytesMax: number;
  readonly random: () => number;
  readonly fetched: (reading: PartitionReading, fetched: FetchedPartition) => void;
  readonly failed: (error: KafkaError) => void;
}

/** How long a broker holds a fetch that has nothing, in ms. What is assigned or resumed meanwhile waits so long. */
const MAX_WAIT_MS = 250;
const PARTITION_BYTES_MAX = 1024 * 1024;
const IDLE_MS = 100;
const BACKOFF_MS = { first: 100, most: 2_000 } as const;

/** Fetches partitions, with one loop for each broker that leads some of them. */
export class KafkaFetcher {
  readonly #options: FetcherOptions;
  readonly #lane: Lane = { name: "fetch", requestTimeoutMs: 10_000 };
  readonly #loops = new Map<number, Promise<void>>();
  readonly #wakes = new Set<() => void>();
  #closed = false;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** To be called when there is something new to fetch: partitions, leaders, room. */
  wake(): void {
    if (this.#closed) return;
    for (const { leader } of this.#options.readings()) {
      if (leader < 0 || this.#loops.has(leader)) continue;
      this.#loops.set(leader, this.#loop(leader));
    }
    for (const wake of this.#wakes) wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#wakes) wake();
    await this.#options.cluster.closeLane(this.#lane);
    await Promise.all(this.#loops.values());
  }

  async #loop(broker: number): Promise<void> {
    let backoffMs: number = BACKOFF_MS.first;
    for (let turn = 0; !this.#closed; turn++) {
      const own = [...this.#options.readings()].filter(({ leader }) => leader === broker);
      if (own.length === 0) break;
      const ready = own.filter((reading) => this.#mayFetch(reading));
      if (ready.length === 0) {
        await this.#sleep(IDLE_MS);
        continue;
      }
      try {
        const answered = await this.#fetch(broker, rotate(ready, turn));
        // A broker that holds back (quota) answers at once, with nothing.
        if (answered === 0) await this.#sleep(IDLE_MS);
        backoffMs = BACKOFF_MS.first;
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (this.#closed) break;
        this.#options.failed(error);
        await this.#sleep(backoffMs * (0.5 + this.#options.random() / 2), false);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MS.most);
      }
    }
    this.#loops.delete(broker);
  }

  #mayFetch(reading: PartitionReading): boolean {
    return (
      !reading.ended &&
      !reading.repositioning &&
      reading.notBefore <= performance.now() &&
      reading.pendingBytes < this.#options.pendingBytesMax()
    );
  }

  async #fetch(broker: number, readings: readonly PartitionReading[]): Promise<number> {
    const { cluster, fetchBytesMax } = this.#options;
    const targets = readings.map(({ topicId, partition, position, epoch }) => ({
      topicId,
      partition,
      offset: position,
      lastEpoch: epoch,
      bytesMax: Math.min(PARTITION_BYTES_MAX, fetchBytesMax),
    }));
    const asked = new Map(
      readings.map((reading) => [
        `${reading.topicId}/${reading.partition}`,
        { reading, position: reading.position },
      ]),
    );
    const limits = { maxWaitMs: MAX_WAIT_MS, bytesMax: fetchBytesMax };
    const answer = await cluster.use(broker, this.#lane, `fetch from broker ${broker}`, (connection) =>
      fetchPartitions(connection, targets, limits),
    );
    for (const fetched of answer) {
      const entry = asked.get(`${fetched.topicId}/${fetched.partition}`);
      // It may have been given up, or set elsewhere, while the answer was on its way.
      if (entry === undefined || entry.reading.ended || entry.reading.position !== entry.position) continue;
      this.#options.fetched(entry.reading, fetched);
    }
    return answer.length;
  }

  /** With `wakeable`, ends early when there is something new. */
  async #sleep(delayMs: number, wakeable = true): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    const wake = () => {
      if (wakeable || this.#closed) resolve();
    };
    this.#wakes.add(wake);
    await promise;
    this.#wakes.delete(wake);
    clearTimeout(timer);
  }
}

/** The broker serves the partitions in the order asked, until the answer is full: each comes first in turn. */
function rotate<T>(list: readonly T[], turn: number): T[] {
  const at = turn % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
