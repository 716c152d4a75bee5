import { parseCursor } from "@shardcast/protocol/cursor";
import type { ServerMessage } from "@shardcast/protocol/messages";
import type { FeedRecord } from "./feed.ts";
import type { Ledger } from "./ledger.ts";

const RETRY_MS = { min: 100, max: 2000 };
/** Without a word of the server for so long, the connection is dead although nothing says so. */
const SILENT_MS_MAX = 12_000;
const PING_MS = 4000;

/**
 * The protocol with nothing of the SDK: resumes from its last mark and the last cursor seen since of each stream, as
 * docs/protocol.md tells anybody to who writes a client.
 */
export class RawClient {
  readonly #url: string;
  readonly #channels: readonly string[];
  readonly #ledger: Ledger;
  readonly #subscribed = Promise.withResolvers<void>();
  /** Stream id → the last offset seen of it. */
  readonly #seen = new Map<string, number>();
  #mark: string | undefined;
  #socket: WebSocket | undefined;
  #heardMs = 0;
  #pinging: Timer | undefined;
  #isClosed = false;
  reconnects = 0;

  constructor(url: string, channels: readonly string[], ledger: Ledger) {
    this.#url = url;
    this.#channels = channels;
    this.#ledger = ledger;
    this.#connect();
  }

  /** Resolves when the first subscription stands. */
  get ready(): Promise<void> {
    return this.#subscribed.promise;
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#pinging);
    this.#socket?.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardMs = performance.now();
    socket.onopen = () => {
      this.#ledger.connected(true);
      const cursors = [...this.#seen].map(([stream, offset]) => `${stream}:${offset}`);
      const since = this.#mark === undefined ? undefined : [this.#mark, ...cursors];
      socket.send(JSON.stringify({ type: "subscribe", id: 1, channels: this.#channels, since }));
    };
    socket.onmessage = ({ data }) => {
      this.#heardMs = performance.now();
      this.#receive(JSON.parse(String(data)) as ServerMessage);
    };
    socket.onclose = () => this.#lost(socket);
    clearInterval(this.#pinging);
    this.#pinging = setInterval(() => {
      if (performance.now() - this.#heardMs > SILENT_MS_MAX) this.#lost(socket);
      else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ping", id: 2 }));
    }, PING_MS);
  }

  /** Called for a dead connection too, whose close may be a long time coming. */
  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#ledger.connected(false);
    clearInterval(this.#pinging);
    socket.onmessage = null;
    socket.close();
    if (this.#isClosed) return;
    this.reconnects += 1;
    setTimeout(() => !this.#isClosed && this.#connect(), RETRY_MS.min + Math.random() * RETRY_MS.max);
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case "message": {
        const cursor = parseCursor(message.cursor);
        if (cursor !== undefined) this.#seen.set(cursor.streamId, cursor.offset);
        // A last value sent on subscribing is no new message.
        if (message.snapshot !== true)
          this.#ledger.message(message.channel, message.data as FeedRecord, message.ts);
        return;
      }
      case "subscribed":
        for (const { channel, recovered, error } of message.channels) {
          if (recovered === false || error !== undefined) {
            this.#ledger.gap(channel, error?.code ?? "not_recovered");
          }
        }
        this.#mark ??= message.mark;
        this.#subscribed.resolve();
        return;
      case "pong":
        // It covers all that came before it, so what was seen till now is in it.
        if (message.mark !== undefined) {
          this.#mark = message.mark;
          this.#seen.clear();
        }
        return;
      case "gap":
        this.#ledger.gap(message.channel, message.reason);
        return;
      default:
        return;
    }
  }
}
