import type { BackoffOptions } from "./backoff.ts";
import type { Encoding } from "./encoding.ts";
import type { ShardcastError } from "./errors.ts";
import type { GapEvent, Status } from "./events.ts";
import type { WebSocketConstructor } from "./webSocket.ts";

/** A token, or what gives one: asked before each connection, and when the present one is about to end. */
export type TokenSource = string | ((context: TokenContext) => string | Promise<string>);

export interface TokenContext {
  /** Aborts when the token comes too late, after `connectTimeoutMs`, or the client is closed. */
  readonly signal: AbortSignal;
}

export interface ConnectOptions {
  /**
   * For servers that ask for one; never put into the URL. A text is used until it has expired, and then the client closes;
   * with a function it goes on with another token.
   */
  readonly token?: TokenSource;
  /**
   * `deflate` of `@shardcast/client/deflate`: fewer bytes on the wire, for a little work of this side. Where the runtime or
   * the server can not do it, messages come plain.
   */
  readonly encoding?: Encoding;
  /** Closes the client as `close` does. */
  readonly signal?: AbortSignal;
  readonly onStatus?: (status: Status) => void;
  readonly onGap?: (gap: GapEvent) => void;
  readonly onError?: (error: ShardcastError) => void;
  readonly backoff?: BackoffOptions & {
    /** A connection that has lasted so long, in ms, lets the backoff begin anew. Default 10,000. */
    readonly stableMs?: number;
  };
  /**
   * Where several URLs are given: the first one, once given up, is not tried before this time in ms, unless no other one
   * answers, and then only when a new connection is due anyway. Default 300,000.
   */
  readonly returnAfterMs?: number;
  /** From the socket's creation to the server's welcome, in ms. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** From a ping to any sign of life, in ms. Default 10,000. */
  readonly pongTimeoutMs?: number;
  /** How long `close` waits for the server to agree, in ms. Default 2,000. */
  readonly closeTimeoutMs?: number;
  /** For runtimes without a WebSocket of their own, such as Node 20: that of the package `ws` serves. */
  readonly WebSocket?: WebSocketConstructor;
  /** Numbers from 0 (inclusive) to 1 (exclusive), for the jitter. Default `Math.random`. */
  readonly random?: () => number;
}

/** Counts since the client was made. */
export interface ClientStats {
  /** Messages that the server sent. */
  readonly messages: number;
  /** Connections made after the first. */
  readonly reconnects: number;
  /** Gap events. */
  readonly gaps: number;
  /** Error events. */
  readonly errors: number;
  /** Messages dropped because an earlier, unfinished resume had brought them. */
  readonly repeated: number;
}
