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
  /**
   * A payload does not fit its subscription's `schema`, and was not delivered; `cause` holds what is wrong with it, and its own `cause`
   * all the issues where the schema names several.
   */
  | "payload_invalid"
  /**
   * An iterator was read too slowly: its queue reached its limit, and its subscription has ended. The
   * message is the cursor of the first message that is missing.
   */
  | "queue_overflow"
  /** `since` was given for a channel that this client already receives. */
  | "already_subscribed"
  /** The subscription was ended before the server had answered it. */
  | "unsubscribed"
  /** The client is closed. */
  | "closed"
  /** So much arrived during an unfinished resume that another break may deliver some of it twice. */
  | "guard_overflow";

/** The code says what it is; `message` adds what the code cannot know: the server's words, an address, a cursor. */
export class ShardcastError extends Error {
  override readonly name = "ShardcastError";
  declare readonly code: ShardcastErrorCode;
  /** The channel concerned, where it is one. */
  declare readonly channel: string | undefined;

  constructor(code: ShardcastErrorCode, message: string = code, channel?: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.channel = channel;
  }
}
