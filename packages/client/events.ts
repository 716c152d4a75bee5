import type { GapReason } from "@shardcast/protocol/messages";
import type { ShardcastError } from "./errors.ts";

export type Status = "connecting" | "connected" | "reconnecting" | "closed";

export interface GapEvent {
  /** The channel or pattern that misses something. */
  readonly channel: string;
  /**
   * Besides the server's reasons: `not_recovered`, the server could not resume this channel after an interruption, and
   * `queue_overflow`, an iterator was read too slowly and has ended.
   */
  readonly reason: GapReason | "not_recovered" | "queue_overflow";
  /** Cursors, exclusive and inclusive, where the server named them. */
  readonly after?: string;
  readonly through?: string;
}

export interface ReconnectEvent {
  /**
   * Rounds over all addresses that have been planned, this one included; back to 1 after a connection has been stable.
   * With one address, attempts.
   */
  readonly attempt: number;
  readonly delayMs: number;
  /** Which address is tried next. */
  readonly url: string;
  /** The close code; 1006 where the connection just broke. */
  readonly code: number;
  /** The server's words; of a connection that just broke, what this client or its runtime knows of why. May be empty. */
  readonly reason: string;
}

export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
}

export interface ClientEvents {
  status: Status;
  gap: GapEvent;
  /** A connection was lost, or an attempt has failed, and the next one is planned. */
  reconnect: ReconnectEvent;
  error: ShardcastError;
  /** The last event: the client will not come back by itself. */
  close: CloseEvent;
}
