import type { DataMessage } from "@shardcast/protocol/messages";
import type { Emitter } from "./emitter.ts";
import { ShardcastError, type ShardcastErrorCode } from "./errors.ts";
import type { ClientEvents } from "./events.ts";
import { NOTHING, type Recipient, WANTED } from "./recipient.ts";
import { fit } from "./schema.ts";
import type { MessageHandler, Ready, SubscribeOptions, Subscription } from "./subscription.ts";

/** Messages that wait for an iterator, unless its subscription names another limit. */
export const ITERATOR_QUEUE_MAX = 4096;

/** One `subscribe` call: it ends in a handler or in an iterator's queue. */
export type Sink<T> = Subscription<T> & Recipient;

export function createSink<T>(
  channel: string,
  handler: MessageHandler<T> | undefined,
  options: SubscribeOptions<T>,
  /** Stops delivering to it. */
  leave: (recipient: Recipient) => void,
  emit: Emitter<ClientEvents>["emit"],
): Sink<T> {
  const {
    schema,
    signal,
    onGap,
    snapshot,
    maxRate,
    policy = "lossless",
    queueMax = ITERATOR_QUEUE_MAX,
  } = options;
  const queue: DataMessage<T>[] = [];
  let isOver = false;
  /** For who iterates, after what is queued. */
  let failure: ShardcastError | undefined;
  /** Who iterates waits. */
  let wake: (() => void) | undefined;
  let makeReady!: (ready: Ready) => void;
  let refuse!: (error: ShardcastError) => void;
  const ready = new Promise<Ready>((resolve, reject) => {
    makeReady = resolve;
    refuse = reject;
  });
  // Callers may leave `ready` alone: a refusal also reaches the client's `error` event and the iterator.
  ready.catch(() => {});

  function fault(code: ShardcastErrorCode, message?: string, cause?: unknown): ShardcastError {
    return new ShardcastError(code, message, channel, cause);
  }

  async function* read(): AsyncGenerator<DataMessage<T>, undefined, undefined> {
    try {
      for (;;) {
        const message = queue.shift();
        if (message) yield message;
        else if (failure) throw failure;
        else if (isOver) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      // Where something was thrown into it.
      unsubscribe();
    }
  }
  const messages = read();
  // Its own would wait for whoever reads.
  messages.return = () => {
    unsubscribe();
    return messages.next();
  };

  function unsubscribe(): void {
    leave(sink);
    // Who leaves asks for nothing more: neither what is queued nor, where it is over already, what went wrong.
    queue.length = 0;
    sink.endWith(fault("unsubscribed", undefined, signal?.reason));
  }
  signal?.addEventListener("abort", unsubscribe);

  const sink: Sink<T> = {
    channel,
    ready,
    deliveryPolicy: maxRate ?? policy,
    lastValue: snapshot ? WANTED : NOTHING,
    unsubscribe,
    makeReady,
    [Symbol.asyncIterator]() {
      if (handler) throw new TypeError(`${channel} has a handler`);
      return messages;
    },
    deliver(message: DataMessage<T>) {
      if (isOver) return;
      let code: ShardcastErrorCode = "payload_invalid";
      try {
        const fitting = schema ? { ...message, data: fit(schema, message.data) } : message;
        code = "handler_failed";
        if (handler) handler(fitting);
        else if (queue.length < queueMax) {
          queue.push(fitting);
          wake?.();
        } else {
          leave(sink);
          const gap = { channel, reason: "queue_overflow" } as const;
          sink.tellGap(gap);
          emit("gap", gap);
          const overflow = fault("queue_overflow", message.cursor);
          sink.endWith(overflow, overflow);
        }
      } catch (cause) {
        emit("error", fault(code, `${message.cursor}: ${cause}`, cause));
      }
    },
    tellGap(gap) {
      try {
        if (!isOver) onGap?.(gap);
      } catch (cause) {
        emit("error", fault("handler_failed", `${cause}`, cause));
      }
    },
    endWith(error, forIterator) {
      isOver = true;
      signal?.removeEventListener("abort", unsubscribe);
      refuse(error);
      failure = forIterator;
      wake?.();
    },
  };
  return sink;
}
