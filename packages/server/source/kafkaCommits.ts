import type { GroupMember } from "../kafka/groupMember.ts";
import { KafkaError, PROTOCOL } from "../kafka/kafkaError.ts";
import type { PartitionReading } from "./kafkaPartition.ts";
import type { KafkaSourceCounters } from "./kafkaStats.ts";

export interface KafkaCommitsOptions {
  readonly member: Pick<GroupMember, "commit">;
  readonly readings: () => Iterable<PartitionReading>;
  readonly intervalMs: number;
  readonly counters: KafkaSourceCounters;
  readonly failed: (error: KafkaError) => void;
}

/** Commits what the sink has accepted of each partition, again and again, one commit at a time. */
export class KafkaCommits {
  readonly #options: KafkaCommitsOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #committing: Promise<void> | undefined;
  #closed = false;

  constructor(options: KafkaCommitsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.commit(), options.intervalMs);
  }

  /** Resolves when that is done, or has failed: it is tried again with the next commit. */
  async commit(readings: Iterable<PartitionReading> = this.#options.readings()): Promise<void> {
    const due = [...readings].filter((reading) => reading.accepted > reading.committed);
    while (this.#committing !== undefined) await this.#committing;
    if (due.length === 0 || this.#closed) return;
    this.#committing = this.#commitNow(due).finally(() => {
      this.#committing = undefined;
    });
    await this.#committing;
  }

  /** From here on it commits only when it is asked to. */
  stopTimer(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stopTimer();
    this.#closed = true;
  }

  async #commitNow(readings: readonly PartitionReading[]): Promise<void> {
    const { member, counters, failed } = this.#options;
    const offsets = readings.map(({ topic, partition, accepted, commitMetadata }) => ({
      ...{ topic, partition, offset: accepted, metadata: commitMetadata },
    }));
    try {
      await member.commit(offsets);
      counters.commits++;
      for (const [index, reading] of readings.entries())
        reading.committed = offsets[index]?.offset ?? reading.committed;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      counters.commitFailures++;
      // While the group forms anew that is nothing to speak of.
      if (error.protocolCode !== PROTOCOL.rebalanceInProgress) failed(error);
    }
  }
}
