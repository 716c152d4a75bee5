import type { DataMessage } from "@shardcast/protocol/messages";
import type { GapEvent } from "./events.ts";
import type { Schema } from "./schema.ts";

export interface SubscribeOptions<T = unknown> {
  /** Also deliver the channel's last value at once, marked `snapshot: true`. */
  readonly snapshot?: boolean;
  /**
   * Deliver first what came after this position: marks and cursors, the greatest counts for each stream. For the first
   * subscription of a channel only, and of a pattern before those of channels that it covers: what this client already
   * receives is not sent again, and `ready` and `onGap` tell where that leaves something out.
   */
  readonly since?: string | readonly string[];
  /** `latest`: only the newest of each channel counts while this client does not keep up. Default: `lossless`. */
  readonly policy?: "lossless" | "latest";
  /** The newest of each channel, at most so many times a second; rounded down to a rate that is served. */
  readonly maxRate?: number;
  /** Told when this channel misses messages. */
  readonly onGap?: (gap: GapEvent) => void;
  /**
   * What each payload has to be, tombstones (null) included. One that does not fit is not delivered, and told as an error
   * (`payload_invalid`); the others go on.
   */
  readonly schema?: Schema<T>;
  /** Ends the subscription as `unsubscribe` does. */
  readonly signal?: AbortSignal;
  /** Limit of the iterator's queue. Default 4096 messages. */
  readonly queueMax?: number;
}

/** The type of the payload is the caller's word, unless a `schema` checks it. */
export interface Subscription<T> extends AsyncIterable<DataMessage<T>> {
  readonly channel: string;
  /** Resolves when the server has accepted the channel; rejects with `ShardcastError` when it refused. */
  readonly ready: Promise<Ready>;
  /** Nothing is delivered after this. Harmless when repeated. */
  unsubscribe(): void;
}

export type MessageHandler<T> = (message: DataMessage<T>) => void;

export interface Ready {
  /** False where the server could not resume from `since`: something may be missing before what comes now. */
  readonly recovered: boolean;
  /** Position from which messages go on; opaque. May be kept and given as `since` later. */
  readonly mark: string;
}
