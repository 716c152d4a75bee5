import { crash } from "./crash.ts";
import { openRedisClient, type RedisClient, type RedisClientOptions } from "./redisClient.ts";

export interface RedisLinkOptions extends RedisClientOptions {
  readonly channel: string;
  /** Refuses a server that is a replica: it would reach only its own subscribers. */
  readonly mustBeMaster: boolean;
  readonly onFrame: (frame: Uint8Array) => void;
  /** May be called more than once. */
  readonly onLost: (error: Error) => void;
}

/** What a new connection publishes to see that it may; it is nobody's frame. */
const GREETING = Buffer.alloc(0);

/** The two connections of a bus to one Redis, for RESP2 lets one that subscribes do nothing else. */
export class RedisLink {
  readonly #publisher: RedisClient;
  readonly #channel: string;

  private constructor(publisher: RedisClient, channel: string) {
    this.#publisher = publisher;
    this.#channel = channel;
  }

  /**
   * Resolves when Redis has confirmed the subscription and taken a first, empty message. It ends for good when
   * anything of it fails, or `signal` is aborted, which destroys its sockets at once, even those that hang.
   */
  static async open(options: RedisLinkOptions, signal: AbortSignal): Promise<RedisLink> {
    const [publisher] = await Promise.all([openPublisher(options, signal), openSubscriber(options, signal)]);
    return new RedisLink(publisher, options.channel);
  }

  /** Resolves when Redis has answered. All that is published in one turn of the event loop shares a write. */
  async publish(frame: Uint8Array): Promise<void> {
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    await this.#publisher.sendCommand(["PUBLISH", this.#channel, bytes]);
  }
}

async function openPublisher(options: RedisLinkOptions, signal: AbortSignal): Promise<RedisClient> {
  const client = await openRedisClient(options, signal, options.onLost);
  if (options.mustBeMaster) {
    const role: unknown = await client.sendCommand(["ROLE"]);
    if (!Array.isArray(role) || String(role[0]) !== "master") throw new Error("Redis is not the master");
  }
  await client.sendCommand(["PUBLISH", options.channel, GREETING]);
  return client;
}

async function openSubscriber(options: RedisLinkOptions, signal: AbortSignal): Promise<void> {
  const client = await openRedisClient(options, signal, options.onLost);
  await client.subscribe(options.channel, (frame) => hand(frame, options.onFrame), true);
}

function hand(frame: Buffer, onFrame: (frame: Uint8Array) => void): void {
  if (frame.length === 0) return;
  try {
    onFrame(frame);
  } catch (error) {
    // The client would make a fault of the connection out of it, and it is a defect.
    crash(error);
  }
}
