import type { DataMessage } from "@shardcast/protocol/messages";
import { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import { newPromise } from "./newPromise.ts";
import { BoundedQueue } from "./queue.ts";
import type { Ready, Recipient } from "./recipient.ts";
import { fit, type Schema } from "./schema.ts";

/** Messages that wait for an iterator, unless its subscription names another limit. */
export const ITERATOR_QUEUE_MAX = 4096;

export interface SubscribeOptions<T = unknown> {
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

/** One `subscribe` call: it ends in a handler or in an iterator's queue. */
export class Sink<T = unknown> implements Subscription<T>, Recipient {
  readonly channel: string;
  readonly ready: Promise<Ready>;
  snapshot: Recipient["snapshot"];
  readonly policy: Recipient["policy"];
  answered = false;
  readonly #ready = newPromise<Ready>();
  readonly #handler: MessageHandler<T> | undefined;
  readonly #queue: BoundedQueue<DataMessage<T>>;
  readonly #options: SubscribeOptions<T>;
  readonly #owner: SinkOwner;
  #ended = false;

  constructor(
    channel: string,
    handler: MessageHandler<T> | undefined,
    options: SubscribeOptions<T>,
    owner: SinkOwner,
  ) {
    this.channel = channel;
    this.#handler = handler;
    this.#queue = new BoundedQueue(options.queueMax ?? ITERATOR_QUEUE_MAX);
    this.#options = options;
    this.#owner = owner;
    this.snapshot = options.snapshot === true ? "wanted" : "none";
    this.policy = options.maxRate ?? options.policy ?? "lossless";
    this.ready = this.#ready.promise;
    // Callers may leave `ready` alone: a refusal also reaches the client's `error` event and the iterator.
    this.ready.catch(() => {});
    options.signal?.addEventListener("abort", this.unsubscribe);
  }

  /** Bound, because it listens to a signal. */
  readonly unsubscribe = (): void => {
    if (this.#ended) return;
    this.#owner.leave(this);
    this.#queue.clear();
    this.end(this.#error("unsubscribed", undefined, this.#options.signal?.reason), true);
  };

  [Symbol.asyncIterator](): AsyncIterator<DataMessage<T>, undefined> {
    if (this.#handler !== undefined) throw new TypeError("a subscription with a handler cannot be iterated");
    return {
      next: () => this.#queue.next(),
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  deliver(message: DataMessage<T>): void {
    if (this.#ended) return;
    const { schema } = this.#options;
    const checked = schema === undefined ? message : this.#check(schema, message);
    if (checked === undefined) return;
    if (this.#handler !== undefined) this.#call(this.#handler, checked);
    else if (!this.#queue.push(checked)) this.#overflow(message.cursor);
  }

  gap(gap: GapEvent): void {
    if (!this.#ended) this.#call(this.#options.onGap, gap);
  }

  answer(ready: Ready): void {
    this.answered = true;
    this.#ready.resolve(ready);
  }

  /** The iterator ends, or throws, after what is queued. */
  end(error: ShardcastError, isWanted: boolean): void {
    this.#ended = true;
    this.#options.signal?.removeEventListener("abort", this.unsubscribe);
    this.#ready.reject(error);
    this.#queue.end(isWanted ? undefined : error);
  }

  #check(schema: Schema<T>, message: DataMessage): DataMessage<T> | undefined {
    try {
      return { ...message, data: fit(schema, message.data) };
    } catch (cause) {
      this.#owner.report(this.#error("payload_invalid", `${message.cursor}: ${cause}`, cause));
      return undefined;
    }
  }

  #overflow(cursor: string): void {
    this.#owner.leave(this);
    this.#owner.missed([this], { channel: this.channel, reason: "queue_overflow" });
    this.end(this.#error("queue_overflow", `messages from ${cursor} on are missing`), false);
  }

  #call<Argument>(handler: ((argument: Argument) => void) | undefined, argument: Argument): void {
    try {
      handler?.(argument);
    } catch (cause) {
      this.#owner.report(this.#error("handler_failed", `${cause}`, cause));
    }
  }

  #error(code: ShardcastError["code"], message?: string, cause?: unknown): ShardcastError {
    return new ShardcastError(code, message, this.channel, cause);
  }
}

export interface SinkOwner {
  leave(recipient: Recipient): void;
  missed(recipients: Iterable<Recipient>, gap: GapEvent): void;
  report(error: ShardcastError): void;
}
