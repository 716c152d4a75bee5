import type { DataMessage } from "@shardcast/protocol/messages";
import { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import { newPromise } from "./newPromise.ts";
import { BoundedQueue } from "./queue.ts";
import type { Ready, Recipient } from "./recipient.ts";

/** Messages that wait for an iterator, unless its subscription names another limit. */
export const ITERATOR_QUEUE_MAX = 4096;

export interface SubscribeOptions {
  /** Also deliver the channel's last value at once, marked `snapshot: true`. */
  readonly snapshot?: boolean;
  /**
   * Deliver first what came after this position: marks and cursors, the greatest counts for each stream. For the first
   * subscription of a channel only.
   */
  readonly since?: string | readonly string[];
  /** `latest`: only the newest of each channel counts while this client does not keep up. Default: `lossless`. */
  readonly policy?: "lossless" | "latest";
  /** The newest of each channel, at most so many times a second; rounded down to a rate that is served. */
  readonly maxRate?: number;
  /** Told when this channel misses messages. */
  readonly onGap?: (gap: GapEvent) => void;
  /** Limit of the iterator's queue. Default 4096 messages. */
  readonly queueMax?: number;
}

/** The type of the payload is the caller's word: the SDK does not check it. */
export interface Subscription<T> extends AsyncIterable<DataMessage<T>> {
  readonly channel: string;
  /** Resolves when the server has accepted the channel; rejects with `ShardcastError` when it refused. */
  readonly ready: Promise<Ready>;
  /** Nothing is delivered after this. Harmless when repeated. */
  unsubscribe(): void;
}

/** One `subscribe` call: it ends in a handler or in an iterator's queue. */
export class Sink<T = unknown> implements Subscription<T>, Recipient {
  readonly channel: string;
  readonly ready: Promise<Ready>;
  snapshot: Recipient["snapshot"];
  readonly policy: Recipient["policy"];
  answered = false;
  readonly #ready = newPromise<Ready>();
  readonly #handler: ((message: DataMessage<T>) => void) | undefined;
  readonly #queue: BoundedQueue<DataMessage<T>> | undefined;
  readonly #onGap: ((gap: GapEvent) => void) | undefined;
  readonly #owner: SinkOwner;
  #ended = false;

  constructor(
    channel: string,
    handler: ((message: DataMessage<T>) => void) | undefined,
    options: SubscribeOptions,
    owner: SinkOwner,
  ) {
    this.channel = channel;
    this.#handler = handler;
    this.#queue =
      handler === undefined ? new BoundedQueue(options.queueMax ?? ITERATOR_QUEUE_MAX) : undefined;
    this.#onGap = options.onGap;
    this.#owner = owner;
    this.snapshot = options.snapshot === true ? "wanted" : "none";
    this.policy = options.maxRate ?? options.policy ?? "lossless";
    this.ready = this.#ready.promise;
    // Callers may leave `ready` alone: a refusal also reaches the client's `error` event and the iterator.
    this.ready.catch(() => {});
  }

  unsubscribe(): void {
    if (this.#ended) return;
    this.#owner.leave(this);
    this.#queue?.clear();
    this.end(
      new ShardcastError("unsubscribed", "unsubscribed before the server answered", {
        channel: this.channel,
      }),
    );
  }

  [Symbol.asyncIterator](): AsyncIterator<DataMessage<T>, undefined> {
    const queue = this.#queue;
    if (queue === undefined) throw new TypeError("a subscription with a handler cannot be iterated");
    return {
      next: () => queue.next(),
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  deliver(message: DataMessage<T>): void {
    if (this.#ended) return;
    if (this.#queue === undefined) this.#call(this.#handler, message);
    else if (!this.#queue.push(message)) this.#overflow(message.cursor);
  }

  gap(gap: GapEvent): void {
    if (!this.#ended) this.#call(this.#onGap, gap);
  }

  answer(ready: Ready): void {
    this.answered = true;
    this.#ready.resolve(ready);
  }

  /** The iterator throws after what is queued. */
  fail(error: ShardcastError): void {
    this.#ended = true;
    this.#ready.reject(error);
    this.#queue?.end(error);
  }

  /** The iterator ends after what is queued. */
  end(error: ShardcastError): void {
    this.#ended = true;
    this.#ready.reject(error);
    this.#queue?.end();
  }

  #overflow(cursor: string): void {
    const { channel } = this;
    this.#owner.leave(this);
    this.#owner.missed(this, { channel, reason: "queue_overflow" });
    this.fail(
      new ShardcastError(
        "queue_overflow",
        `the queue of ${channel} is full: messages from ${cursor} on are missing`,
        {
          channel,
        },
      ),
    );
  }

  #call<Argument>(handler: ((argument: Argument) => void) | undefined, argument: Argument): void {
    try {
      handler?.(argument);
    } catch (cause) {
      const { channel } = this;
      this.#owner.report(
        new ShardcastError("handler_failed", `a handler of ${channel} threw`, { cause, channel }),
      );
    }
  }
}

export interface SinkOwner {
  leave(recipient: Recipient): void;
  missed(recipient: Recipient, gap: GapEvent): void;
  report(error: ShardcastError): void;
}
