import type { Hub } from "../hub/hub.ts";
import type { Connection } from "./connection.ts";
import type { EventStream, Listeners } from "./eventStream.ts";
import { eventText, idLine, isMessage } from "./eventText.ts";

/** All event streams of one shard, by the topics that they listen to. */
export class EventStreams implements Listeners {
  readonly #byTopic = new Map<string, Set<EventStream>>();
  readonly #clients = new Map<EventStream, Connection>();
  readonly #hub: Pick<Hub, "ahead" | "mark">;
  #timer: Timer | undefined;

  constructor(hub: Pick<Hub, "ahead" | "mark">) {
    this.#hub = hub;
  }

  get size(): number {
    return this.#clients.size;
  }

  connections(): Iterable<Connection> {
    return this.#clients.values();
  }

  begin(pingIntervalMs: number): void {
    this.#timer = setInterval(() => this.#ping(), pingIntervalMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  opened(stream: EventStream, connection: Connection): void {
    this.#clients.set(stream, connection);
  }

  closed(stream: EventStream): void {
    this.#clients.delete(stream);
  }

  add(topic: string, stream: EventStream): void {
    const listeners = this.#byTopic.get(topic) ?? new Set();
    listeners.add(stream);
    this.#byTopic.set(topic, listeners);
  }

  remove(topic: string, stream: EventStream): void {
    const listeners = this.#byTopic.get(topic);
    listeners?.delete(stream);
    if (listeners?.size === 0) this.#byTopic.delete(topic);
  }

  /** Handed over by the hub, which stands right behind a message: its mark is the position of everybody who gets it. */
  publish(topic: string, text: string): void {
    const listeners = this.#byTopic.get(topic);
    if (listeners === undefined) return;
    if (!isMessage(text)) {
      // A gap. Where it ends is in the position that comes with the next message.
      const { type } = JSON.parse(text) as { type: string };
      const event = encoder.encode(eventText(text, { type }));
      for (const stream of listeners) stream.write(event);
      return;
    }
    this.#toEach(listeners, (id) => eventText(text, { id }));
  }

  /**
   * Keeps proxies from ending what is silent, finds those who are gone, and moves the positions of quiet channels on: an
   * `id` without data changes what a browser sends back, and nothing else.
   */
  #ping(): void {
    const live = [...this.#clients.keys()].filter((stream) => stream.isLive);
    this.#toEach(live, (id) => `${idLine(id)}\n`);
    for (const stream of this.#clients.keys()) if (!stream.isLive) stream.ping();
  }

  /** Encoded once for all, but for those who have seen more than this hub has. */
  #toEach(streams: Iterable<EventStream>, event: (id: string) => string): void {
    const { ahead } = this.#hub;
    const shared = encoder.encode(event(this.#hub.mark()));
    for (const stream of streams) {
      const connection = ahead.size === 0 ? undefined : this.#clients.get(stream);
      if (connection === undefined) stream.write(shared);
      else stream.write(encoder.encode(event(connection.mark)));
    }
  }
}

const encoder = new TextEncoder();
