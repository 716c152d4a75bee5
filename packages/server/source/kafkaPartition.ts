import type { TopicPartition } from "../kafka/assign.ts";
import type { DecodedRecords, LeaderEpoch } from "../kafka/recordBatches.ts";
import { streamIdOf } from "../log/streamId.ts";
import type { SourceRecord } from "../publication.ts";
import { PublisherError } from "./publisher.ts";
import type { SourceBatch, SourceSink } from "./source.ts";

/** Where a partition begins to be read. */
export interface StartPosition {
  readonly next: number;
  /** How many partitions the topic had when the group first read it: later ones are read from their beginning. */
  readonly firstPartitions: number;
  /** Whether the group has committed this position already. */
  readonly committed: boolean;
}

/** One partition of one topic id, from its assignment until it is given up. */
export class PartitionReading implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly streamId: string;
  readonly name: string;
  readonly firstPartitions: number;
  leader: number;
  /** The next offset to fetch. */
  position: number;
  /** The offset after the last that the broker had at the last fetch, committed or not. */
  highWatermark = 0;
  /** Not to be fetched before, in ms of `performance.now`. */
  notBefore = 0;
  /** While it looks for a position that exists. */
  repositioning = false;
  pendingBytes = 0;
  /** The offset after the last one that the bus has accepted; what may be committed. */
  accepted: number;
  committed: number;
  ended = false;
  /** The leader epoch of the record before `position`, where known. */
  epoch: number | undefined;
  #through: number;
  #handed: { readonly through: number; done: boolean }[] = [];
  #idle: (() => void) | undefined;

  constructor(at: TopicPartition, topicId: string, leader: number, start: StartPosition) {
    this.topic = at.topic;
    this.partition = at.partition;
    this.topicId = topicId;
    this.streamId = streamIdOf(at.topic, topicId, at.partition);
    this.name = `${at.topic}/${at.partition}`;
    this.firstPartitions = start.firstPartitions;
    this.leader = leader;
    this.position = start.next;
    this.accepted = start.next;
    this.committed = start.committed ? start.next : -1;
    this.#through = start.next - 1;
  }

  get lag(): number {
    return Math.max(0, this.highWatermark - this.accepted);
  }

  /** The commit's metadata, by which a later owner tells a topic made anew, and partitions that came later. */
  get commitMetadata(): string {
    return formatCommitMetadata({ firstPartitions: this.firstPartitions, topicId: this.topicId });
  }

  /**
   * Goes on at another offset. What lies in between is not claimed: the next batch begins after it. Backwards, where the
   * log has lost its end: what was accepted and committed beyond is so no more, and what is under way does not count.
   */
  jump(next: number): void {
    this.position = next;
    this.epoch = undefined;
    this.#through = next - 1;
    if (next >= this.accepted && this.#handed.every(({ through }) => through < next)) return;
    this.accepted = Math.min(this.accepted, next);
    this.committed = -1;
    this.#handed = [];
    this.#idle?.();
  }

  /** Entries kept for batches that are not settled, with those behind them: for tests of their bound. */
  get batchesRemembered(): number {
    return this.#handed.length;
  }

  /**
   * Hands over what was fetched; `settled` is called when the bus has accepted it or the sink has given the stream up.
   * `defect` gets what the sink must not reject with; by default it ends the process, because a partition that stops
   * in silence is worse.
   */
  hand(
    sink: SourceSink,
    decoded: DecodedRecords,
    settled: () => void,
    defect: (error: unknown) => void = rethrow,
  ): void {
    const { records } = decoded;
    let from = 0;
    for (const { epoch, through } of epochsOf(decoded)) {
      let to = from;
      while (to < records.length && (records[to] as SourceRecord).offset <= through) to++;
      const share = records.length === 0 ? 1 : (to - from) / records.length;
      this.#handBatch(
        sink,
        {
          streamId: this.streamId,
          after: this.#through,
          through,
          epoch: epoch < 0 ? undefined : epoch,
          records: from === 0 && to === records.length ? records : records.slice(from, to),
        },
        decoded.bytes * share + BATCH_OVERHEAD_BYTES,
        settled,
        defect,
      );
      from = to;
    }
  }

  #handBatch(
    sink: SourceSink,
    batch: SourceBatch,
    bytes: number,
    settled: () => void,
    defect: (error: unknown) => void,
  ): void {
    const entry = { through: batch.through, done: false };
    this.position = batch.through + 1;
    this.epoch = batch.epoch;
    this.#through = batch.through;
    this.pendingBytes += bytes;
    this.#handed.push(entry);
    void sink.accept(batch).then(
      () => {
        entry.done = true;
        this.pendingBytes -= bytes;
        this.#settle();
        settled();
      },
      (error: unknown) => {
        // Nothing of this partition is to be committed any more.
        this.ended = true;
        if (error instanceof PublisherError) settled();
        else defect(error);
      },
    );
  }

  /** Resolves when the bus has accepted all that was handed over. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#handed.length === 0) resolve();
      else this.#idle = resolve;
    });
  }

  #settle(): void {
    // Only what has nothing unaccepted before it may be committed, in whatever order the bus accepts.
    while (this.#handed[0]?.done === true) {
      this.accepted = (this.#handed.shift()?.through ?? -1) + 1;
    }
    if (this.#handed.length === 0) this.#idle?.();
    else this.#joinSettled();
  }

  /** Of settled batches in a row the last one says it all. So the bound on what is pending bounds what is kept, too. */
  #joinSettled(): void {
    this.#handed = this.#handed.filter(({ done }, at) => !(done && this.#handed[at + 1]?.done === true));
  }
}

/** Where nothing handles the rejection, so that it ends the process. */
function rethrow(error: unknown): never {
  throw error;
}

/** Each batch has one leader epoch, so that a shard can tell by its frames whether they go on from what it has. */
function epochsOf({ epochs, next }: DecodedRecords): readonly LeaderEpoch[] {
  return epochs.length === 0 ? [{ epoch: -1, through: next - 1 }] : epochs;
}

/** So that many empty batches are bounded too. */
const BATCH_OVERHEAD_BYTES = 128;

export interface CommitMetadata {
  readonly firstPartitions: number;
  readonly topicId: string;
}

function formatCommitMetadata({ firstPartitions, topicId }: CommitMetadata): string {
  return JSON.stringify({ n: firstPartitions, id: topicId });
}

/** Returns undefined for a commit that another tool has made. */
export function parseCommitMetadata(text: string): CommitMetadata | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || !("n" in parsed) || !("id" in parsed))
      return undefined;
    return typeof parsed.n === "number" && typeof parsed.id === "string"
      ? { firstPartitions: parsed.n, topicId: parsed.id }
      : undefined;
  } catch {
    // Not JSON: not ours.
    return undefined;
  }
}
