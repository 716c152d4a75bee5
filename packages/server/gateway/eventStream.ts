import type { ServerMessage } from "@shardcast/protocol/messages";
import type { ClientSocket } from "./clientSocket.ts";
import { eventText, isMessage, ResumedPosition } from "./eventText.ts";

export interface EventStreamOptions {
  /** Where messages that are published to a topic are handed to those who listen. */
  readonly topics: Listeners;
  /** What the client said that it has seen, as it said it. */
  readonly since: readonly string[];
  /** When the client shall come back after this stream has ended, in ms. */
  readonly retryMs: () => number;
  /** All that was buffered has been taken. */
  readonly onDrained: () => void;
  /** What is left is all that the client will be sent. */
  readonly onEnding: () => void;
  /** The stream is over; once. */
  readonly onClosed: (code: number) => void;
}

export interface Listeners {
  add(topic: string, stream: EventStream): void;
  remove(topic: string, stream: EventStream): void;
}

/** The client has gone away, or its connection broke: HTTP does not tell these apart. */
const GONE = 1006;
/** Only tells when the body's own queue has drained; what may wait in it is bounded by the budget of every client. */
const QUEUE_BYTES = 64 * 1024;

/**
 * One client's answer of `text/event-stream`, in the shape of a socket, so that a connection need not know the
 * difference. A client can send nothing: what it would ask for stands in its request.
 */
export class EventStream implements ClientSocket {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  readonly #topics = new Set<string>();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #resumed: ResumedPosition | undefined;
  #leaving: Timer | undefined;
  /** Whether it has been told from where on it gets all: before that, a position is one of its resume. */
  isLive = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    if (options.since.length > 0) this.#resumed = new ResumedPosition(options.since);
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => options.onDrained(),
        cancel: () => this.#end(GONE),
      },
      { highWaterMark: QUEUE_BYTES, size: (chunk) => chunk?.length ?? 0 },
    );
  }

  /** A message, or an answer, as it would go to a WebSocket. */
  sendText(text: string): void {
    if (isMessage(text)) {
      // After a resume these are last values: they are no new messages, and move nobody's position.
      this.write(encoder.encode(eventText(text, { id: this.#resumed?.including(text) })));
      return;
    }
    const message = JSON.parse(text) as ServerMessage;
    switch (message.type) {
      case "subscribed":
        this.#resumed = undefined;
        this.isLive = true;
        return this.#event(message.type, text, message.mark);
      case "reconnect":
        // A browser can not be asked to go: its stream ends in its slot, and it comes back at once.
        this.#event(message.type, text);
        clearTimeout(this.#leaving);
        this.#leaving = setTimeout(() => this.#leave(), message.afterMs);
        return;
      // A page that listens for `error` means the loss of its connection.
      case "error":
        return this.#event("refused", text);
      default:
        return this.#event(message.type, text);
    }
  }

  /** Only a client that has asked for binary frames gets them, and there is no way to ask for them here. */
  send(data: string | Uint8Array): void {
    if (typeof data !== "string") throw new Error("an event stream takes no binary frames");
    this.sendText(data);
  }

  /** Bytes of whole events. */
  write(bytes: Uint8Array): void {
    this.#controller?.enqueue(bytes);
  }

  subscribe(topic: string): void {
    this.#topics.add(topic);
    this.#options.topics.add(topic, this);
  }

  unsubscribe(topic: string): void {
    this.#topics.delete(topic);
    this.#options.topics.remove(topic, this);
  }

  cork(callback: () => void): void {
    callback();
  }

  getBufferedAmount(): number {
    const room = this.#controller?.desiredSize ?? QUEUE_BYTES;
    return QUEUE_BYTES - room;
  }

  /** Tells after how long the client shall come back when this ends, however that comes. */
  retry(afterMs = this.#options.retryMs()): void {
    this.write(encoder.encode(`retry: ${Math.round(afterMs)}\n\n`));
  }

  close(code: number = GOING_AWAY, reason = ""): void {
    this.#event("closed", JSON.stringify({ type: "closed", code, reason }));
    this.#close(code);
  }

  /** Nobody answers, but TCP notices in the end when nothing can be delivered. */
  ping(): void {
    this.write(SILENCE);
  }

  terminate(): void {
    this.#options.onEnding();
    // With a reason, the transport would print it for each client that is cut off.
    this.#controller?.error();
    this.#end(GONE);
  }

  #leave(): void {
    this.retry(this.#options.retryMs() / 10);
    this.#close(GOING_AWAY);
  }

  #close(code: number): void {
    this.#options.onEnding();
    this.#controller?.close();
    this.#end(code);
  }

  #event(type: string, data: string, id?: string): void {
    this.write(encoder.encode(eventText(data, { type, id })));
  }

  #end(code: number): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    clearTimeout(this.#leaving);
    for (const topic of this.#topics) this.#options.topics.remove(topic, this);
    this.#topics.clear();
    this.#options.onClosed(code);
  }
}

const GOING_AWAY = 1001;
const encoder = new TextEncoder();
/** A comment. */
const SILENCE = encoder.encode(": waiting\n\n");
