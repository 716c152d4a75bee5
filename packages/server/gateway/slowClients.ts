import type { ClientSocket } from "./clientSocket.ts";
import { kernelShareOf } from "./kernelBuffers.ts";
import { LargestPublication } from "./largestPublication.ts";
import type { NewestOnly } from "./newestOnly.ts";

/** How often everybody's unsent bytes are looked at, in ms. A look at 10,000 clients takes about a millisecond. */
const LOOK_MS = 1000;
/** How often those clients of whom only the newest values count are looked at, in ms, while something is sent. */
const LOOK_AT_WATCHED_MS = 50;
/** What the transport itself cuts off: it is for a burst within one turn, between two looks. */
const TRANSPORT_BYTES_MIN = 64 * 1024 * 1024;

/**
 * Holds each client to its byte budget: who has more unsent is cut off, and can come back and resume. The transport does that
 * too, but with one limit for good, and a publication larger than that would cut off a slow client on each of its
 * resumes: the next message finds it over its limit. So the budget is always larger than the largest publication of late.
 */
export class SlowClients {
  /** Clients that were cut off. */
  cutOff = 0;
  /** Clients that leave their topics while they do not keep up. */
  readonly #watched = new Set<NewestOnly>();
  readonly #budgetBytes: number;
  readonly #clients: () => Iterable<SlowClient>;
  readonly #largest: LargestPublication;
  /** Bytes at which a look does not wait for its time. */
  readonly #urgentBytes: number;
  #bytesSinceLook = 0;
  #hasSent = false;
  #lookIsDue = false;
  readonly #timers: Timer[] = [];

  constructor(options: SlowClientsOptions) {
    this.#budgetBytes = options.budgetBytes;
    this.#clients = options.clients;
    this.#largest = new LargestPublication(options.now ?? (() => performance.now()));
    this.#urgentBytes = Math.max(16 * 1024, Math.floor(options.budgetBytes / 2));
  }

  /** For the transport: never reached but by a burst in one turn, or by a publication of that size. */
  get transportBytesMax(): number {
    return Math.max(TRANSPORT_BYTES_MIN, this.#budgetBytes * 4);
  }

  /** Unsent bytes in this process at which a client is cut off now: the rest of its budget is the kernel's. */
  get bufferBytesMax(): number {
    const kernelBytes = kernelShareOf(this.#budgetBytes);
    const largest = this.#largest.bytes;
    const least = largest === 0 ? kernelBytes : largest + Math.floor(largest / 4);
    return Math.max(this.#budgetBytes - kernelBytes, least);
  }

  /** The clients that have not taken all that was sent, and the bytes. */
  get now(): { readonly clients: number; readonly bytes: number } {
    let clients = 0;
    let bytes = 0;
    for (const { socket } of this.#clients()) {
      const unsent = socket?.getBufferedAmount() ?? 0;
      if (unsent > 0) clients += 1;
      bytes += unsent;
    }
    return { clients, bytes };
  }

  begin(): void {
    this.#timers.push(
      setInterval(() => this.look(), LOOK_MS),
      setInterval(() => this.#lookAtWatched(), LOOK_AT_WATCHED_MS),
    );
    for (const timer of this.#timers) timer.unref();
  }

  close(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  watch(client: NewestOnly): void {
    this.#watched.add(client);
  }

  unwatch(client: NewestOnly): void {
    this.#watched.delete(client);
  }

  /** Clients that get only newest values, and now none, because they are behind. */
  get behind(): number {
    let count = 0;
    for (const client of this.#watched) if (client.isBehind) count += 1;
    return count;
  }

  /** Something was sent to one or very many clients. On the way of each message, so it only counts. */
  sent(text: string): void {
    this.#largest.sent(text);
    this.#hasSent = true;
    this.#bytesSinceLook += text.length;
    if (this.#bytesSinceLook < this.#urgentBytes || this.#lookIsDue) return;
    this.#lookIsDue = true;
    // Not within what is being handed out: a client would leave by half of a message's topics. And not within a callback
    // of a socket, where the transport still holds what it will write at its end.
    setImmediate(() => this.look());
  }

  look(): void {
    this.#lookIsDue = false;
    this.#bytesSinceLook = 0;
    // Those first who then have a smaller need.
    this.#lookAtWatched();
    const bytesMax = this.bufferBytesMax;
    for (const client of this.#clients()) {
      const { socket } = client;
      if (socket === undefined) continue;
      const unsentBytes = socket.getBufferedAmount();
      if (unsentBytes > bytesMax && unsentBytes > bytesMax + client.burstBytes) this.cut(socket);
    }
  }

  cut(socket: Pick<ClientSocket, "terminate">): void {
    this.cutOff += 1;
    // A close frame would wait behind all that it does not take.
    socket.terminate();
  }

  /** While nothing is sent, nobody who keeps up falls behind; who does catches up when the transport says so. */
  #lookAtWatched(): void {
    if (!this.#hasSent) return;
    this.#hasSent = false;
    for (const client of this.#watched) client.look();
  }
}

export interface SlowClient {
  readonly socket: Pick<ClientSocket, "getBufferedAmount" | "terminate"> | undefined;
  /** What it may have unsent beyond its budget. */
  readonly burstBytes: number;
}

export interface SlowClientsOptions {
  /** Unsent bytes of one client, those in the kernel included. */
  readonly budgetBytes: number;
  readonly clients: () => Iterable<SlowClient>;
  /** In ms. */
  readonly now?: () => number;
}
