import type { TestRedis } from "../../test/services/redis.ts";

/** A server that Shardcast is compared with, and how to speak with it. */
export interface Peer {
  readonly name: string;
  readonly wire: Wire;
  /** Why it cannot be had here; undefined where it can. */
  missing(): string | undefined;
  /** Starts instances that share a Redis, or one that is alone where there is none. */
  start(options: PeerOptions): Promise<RunningPeer>;
}

/** What its clients say and hear, but for the messages themselves: those are known by their payload. */
export interface Wire {
  /** With the query, of the handshake. */
  readonly path: string;
  readonly greet: readonly string[];
  /** A client is subscribed once a control frame that begins so has come; undefined where the handshake says it. */
  readonly subscribed: string | undefined;
  /** What to answer to a control frame; undefined for nothing. */
  answer(text: string): string | undefined;
  /** A control line that the server may put into one frame with messages: it is looked for in each of those. */
  readonly among?: string;
}

export interface PeerOptions {
  readonly instances: number;
  readonly redis: TestRedis | undefined;
  readonly clients: number;
}

export interface RunningPeer {
  /** By instance, for clients. */
  readonly ports: readonly number[];
  /** Of all server processes; the broker's is none of them. */
  readonly pids: readonly number[];
  /** Publishes JSON texts, in order and at once, through the first instance; resolves when it has taken them. */
  publish(payloads: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}
