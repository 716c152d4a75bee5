/** The WebSocket subprotocol that both sides speak. A client that names none is taken to mean it. */
export const SUBPROTOCOL = "shardcast.v1";

/** Begins the offered subprotocol that carries a client's token: the one thing that a browser lets a page send along. */
export const TOKEN_SUBPROTOCOL_PREFIX = "shardcast.token.";

export type SubscribeItem =
  | string
  | {
      readonly channel: string;
      readonly snapshot?: boolean;
      readonly policy?: "lossless" | "latest";
      /** Newest values per second and channel: `latest`, and not more often than this. */
      readonly maxRate?: number;
    };

export type ClientMessage =
  | {
      readonly type: "subscribe";
      readonly id: number;
      readonly channels: readonly SubscribeItem[];
      /** Marks and cursors; for each stream the greatest counts. Streams that it does not name start now. */
      readonly since?: readonly string[];
    }
  | { readonly type: "unsubscribe"; readonly id: number; readonly channels: readonly string[] }
  | { readonly type: "ping"; readonly id: number }
  /** Another token in place of the connection's present one. */
  | { readonly type: "auth"; readonly id: number; readonly token: string };

/** Why a stretch of a stream can not be had any more. */
export type GapReason =
  /** The log's retention or compaction has removed it. */
  | "retention"
  /** The log ends before what had been delivered: an unclean election, or a log made anew. */
  | "truncated"
  /** The broker answers, but the stretch stays unreadable. */
  | "unreadable"
  /** The topic, or the instance whose memory was the log, is gone. */
  | "gone";

export type RequestErrorCode =
  | "bad_request"
  | "unknown_type"
  | "too_many_requests"
  | "too_many_subscriptions"
  | "subscriptions_full"
  | "channel_invalid"
  | "channel_forbidden"
  | "policy_invalid"
  | "policy_conflict"
  | "since_invalid"
  | "token_invalid"
  | "token_expired"
  | "auth_unavailable"
  | "internal";

export interface RequestError {
  readonly code: RequestErrorCode;
  readonly message: string;
}

export interface SubscribedChannel {
  readonly channel: string;
  /** Whether everything since the given position was, or is being, delivered. True where nothing was asked for. */
  readonly recovered?: boolean;
  /** What is served where that is not every message. */
  readonly policy?: "latest";
  /** The rate that is served: the greatest one that is not above what was asked for. */
  readonly maxRate?: number;
  readonly error?: RequestError;
}

export type ServerMessage =
  | {
      readonly type: "welcome";
      readonly instance: string;
      readonly shard: number;
      readonly session: string;
      readonly pingIntervalMs: number;
      /** Binary frames may come: each the raw deflate of a JSON array of messages. Absent: none. */
      readonly encoding?: "deflate";
    }
  | {
      readonly type: "subscribed";
      readonly id: number;
      /** The position from which live messages go on; what was missed since `since` comes before this answer. */
      readonly mark: string;
      readonly channels: readonly SubscribedChannel[];
    }
  | DataMessage
  | { readonly type: "unsubscribed"; readonly id: number; readonly channels: readonly string[] }
  | {
      readonly type: "gap";
      readonly channel: string;
      readonly after: string;
      readonly through: string;
      readonly reason: GapReason;
    }
  | { readonly type: "reconnect"; readonly afterMs: number; readonly reason: string }
  | {
      readonly type: "pong";
      readonly id: number;
      /** Absent while a resume of this connection is under way: only its `subscribed` knows where it has come to. */
      readonly mark?: string;
    }
  /** The token ends so soon: send another one, or the connection is closed with 4401. */
  | { readonly type: "token_expiring"; readonly expiresInMs: number }
  | {
      readonly type: "authenticated";
      readonly id: number;
      /** In ms since 1970. */
      readonly expiresAtMs: number;
      /** Channels that the new token does not allow: they are unsubscribed. Absent: none. */
      readonly revoked?: readonly string[];
    }
  | {
      readonly type: "error";
      readonly id?: number;
      readonly code: RequestErrorCode;
      readonly message: string;
    };

export interface DataMessage<T = unknown> {
  readonly type: "message";
  readonly channel: string;
  readonly cursor: string;
  /** The record's timestamp, in ms since 1970. */
  readonly ts: number;
  /** The payload: as it was where it is JSON, otherwise a string; null for a tombstone. */
  readonly data: T;
  /** Set to `base64` where the payload is not UTF-8 and `data` holds its bytes so encoded. */
  readonly encoding?: "base64";
  /** Set where this is a channel's last value, sent on subscribing, and not a new message. */
  readonly snapshot?: true;
}
