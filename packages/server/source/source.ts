import type { SourceRecord } from "../publication.ts";

/** Where records enter. A source that shares its work with others (a consumer group) only hands out what it owns. */
export interface Source {
  /** Begins to hand batches to the sink. Resolves when it has joined; rejects only for what retrying cannot mend. */
  start(sink: SourceSink): Promise<void>;
  /** Hands back what it owns, commits what the sink has accepted, and ends. */
  stop(): Promise<void>;
}

export interface SourceSink {
  /** From now on this process reads the stream, beginning at `next`. */
  assigned(stream: { readonly id: string; readonly name: string }, next: number): void;
  revoked(streamId: string): void;
  /**
   * Resolves once the bus has accepted all of the batch: then the source may commit `through + 1`. It retries
   * by itself for as long as the bus refuses, so a source bounds what it has handed over (and pauses the partition).
   * Rejects when the sink is closed, and when the stream is not, or no more, assigned (also while the batch is under
   * way: `stream_not_assigned`): the batch is then not to be committed, and the new owner reads it again.
   */
  accept(batch: SourceBatch): Promise<void>;
}

/** A range of one stream: every offset in (after, through] is among `records` or holds none. */
export interface SourceBatch {
  readonly streamId: string;
  readonly after: number;
  readonly through: number;
  /** The leader epoch of all of it, where its log has such a thing. */
  readonly epoch?: number | undefined;
  readonly records: readonly SourceRecord[];
}

export type SourceLogger = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
