import type { GapReason } from "@shardcast/protocol/messages";
import type { Publication } from "../publication.ts";

/** The durable, ordered truth that can be read again. */
export interface StreamLog {
  /** Every stream of this log as it is now. Rejects with `LogError` where the log does not answer. */
  streams(): Promise<LogStream[]>;
  /**
   * Streams that are there, but of which the last call of `streams` could not learn where they begin and end: their
   * partitions have no leader, or its broker is away. Absent where a log always knows.
   */
  readonly unplaced?: readonly NamedStream[];
  /** What it tells is hearsay: a stream of the same id in another log is that one, and no collision. Default: it is not. */
  readonly isHearsay?: boolean;
  /**
   * Reads on from `after`, at most to `through`, and returns at least one step of progress or says why there is
   * none. One call may return less than was asked for; the caller goes on from the result's `through`.
   * Rejects with `LogError` (`log_unavailable`: try again; `log_unreadable`: the broker answers, but this stretch
   * can not be read).
   */
  read(request: RangeRequest): Promise<RangeResult>;
  close(): Promise<void>;
}

/** What can be told of the streams of several logs when some of them may not answer. */
export interface StreamListing {
  readonly streams: readonly LogStream[];
  /** Streams that are there, but whose offsets are not known now. */
  readonly unplaced: readonly NamedStream[];
  /** Why streams may be missing; undefined where every log has answered. */
  readonly failure: LogError | undefined;
}

export interface NamedStream {
  /** Short hash of topic, topic id and partition: see `streamId.ts`. */
  readonly id: string;
  /** For people: `odin.trades/3`. */
  readonly name: string;
}

export interface LogStream extends NamedStream {
  /** The first offset that can still be read. */
  readonly earliest: number;
  /** The offset after the last one that may be read: Kafka's last stable offset. */
  readonly next: number;
  /**
   * It began before this instance did: where it is heard of late, nobody here has waited for what was in it before. Absent
   * where a log does not know.
   */
  readonly isOlder?: boolean | undefined;
}

export interface RangeRequest {
  readonly streamId: string;
  /** Exclusive. −1 stands before offset 0. */
  readonly after: number;
  /**
   * The leader epoch of what the caller has at `after`, where it knows it: a log that holds something else there has
   * lost its end and grown again, and answers "truncated".
   */
  readonly epoch?: number | undefined;
  /** Inclusive. */
  readonly through: number;
  /** A stop for one call, reached after at least one record. */
  readonly bytesMax: number;
  /** Resumes have connections of their own, so that they never keep repairs waiting. Default "repair". */
  readonly purpose?: "repair" | "resume";
  readonly signal?: AbortSignal;
}

export type RangeResult =
  /** Every offset in (after, through] that holds a publication is listed, in order. */
  | {
      readonly kind: "read";
      readonly publications: readonly Publication[];
      readonly through: number;
      /** The leader epoch at `through`, where the log has such a thing and knows it. */
      readonly epoch?: number | undefined;
    }
  /** (after, through] can not be had any more; what follows it may be there. */
  | { readonly kind: "lost"; readonly through: number; readonly reason: GapReason }
  /**
   * The log ends, or has ended, before `after`: `next` is the offset that is written next, or that was written anew
   * first.
   */
  | { readonly kind: "truncated"; readonly next: number }
  /**
   * The log knows no such stream (any more). With `isEndUnknown` more may have been in it than anybody has heard of,
   * and it may come back: its owner was cut off, or has died. With `isComplete` it has ended where the read began, and
   * nothing of it is missing: its owner has said so before it ended.
   */
  | {
      readonly kind: "gone";
      readonly isEndUnknown?: boolean | undefined;
      readonly isComplete?: boolean | undefined;
    };

export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: "log_unavailable" | "log_unreadable";
  constructor(code: "log_unavailable" | "log_unreadable", message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
