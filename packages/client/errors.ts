import type { RequestErrorCode } from "@shardcast/protocol/messages";

export type ShardcastErrorCode =
  /** No connection comes about. Told once, then the client keeps trying; told anew after it was connected. */
  | "connect_failed"
  /** The `token` function failed while connected; `cause` holds why. */
  | "token_failed"
  /** The server refused a request or a channel with this code. */
  | RequestErrorCode
  /** The server sent something that is no message of the protocol; it was ignored. */
  | "malformed"
  /** A handler threw; `cause` holds what it threw. */
  | "handler_failed"
  /** An iterator was read too slowly: its queue reached its limit, and its subscription has ended. */
  | "queue_overflow"
  /** `since` was given for a channel that this client already receives. */
  | "already_subscribed"
  /** The subscription was ended before the server had answered it. */
  | "unsubscribed"
  /** The client is closed. */
  | "closed"
  /** So much arrived during an unfinished resume that another break may deliver some of it twice. */
  | "guard_overflow";

export class ShardcastError extends Error {
  override readonly name = "ShardcastError";
  readonly code: ShardcastErrorCode;
  /** The channel concerned, where it is one. */
  readonly channel: string | undefined;

  constructor(
    code: ShardcastErrorCode,
    message: string,
    options?: ErrorOptions & { readonly channel?: string },
  ) {
    super(message, options);
    this.code = code;
    this.channel = options?.channel;
  }
}
