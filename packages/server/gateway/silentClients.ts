import type { ClientSocket } from "./clientSocket.ts";

/** How often everybody's silence grows, in ms. A look at 10,000 clients takes less than a millisecond. */
const LOOK_MS = 1000;

export interface SilentClientsOptions {
  readonly clients: () => Iterable<SilentClient>;
  /** Silence after which a client is asked whether it is there. */
  readonly pingIntervalMs: number;
  /** Silence after which it counts as gone. */
  readonly idleTimeoutMs: number;
}

export interface SilentClient {
  /** Looks since anything came from it. Counted and not timed, so that a server that stood still cuts nobody off for it. */
  silentLooks: number;
  readonly socket: Pick<ClientSocket, "ping" | "terminate"> | undefined;
}

/**
 * Finds clients that have vanished although messages go to them. The transport's own idle timeout begins anew with each write,
 * and it pings nobody whom it writes to, so that it finds such a client only when TCP gives up, after a quarter of an hour.
 * Who speaks by itself, as the SDK does with each ping interval, is never pinged from here.
 */
export class SilentClients {
  /** Clients that were cut off. */
  cutOff = 0;
  readonly #clients: SilentClientsOptions["clients"];
  readonly #pingLooks: number;
  readonly #goneLooks: number;
  #timer: Timer | undefined;

  constructor({ clients, pingIntervalMs, idleTimeoutMs }: SilentClientsOptions) {
    this.#clients = clients;
    // One more, because a client's own ping of that interval may come a moment late.
    this.#pingLooks = Math.ceil(pingIntervalMs / LOOK_MS) + 1;
    this.#goneLooks = Math.max(this.#pingLooks + 1, Math.ceil(idleTimeoutMs / LOOK_MS));
  }

  begin(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    for (const client of this.#clients()) {
      const looks = ++client.silentLooks;
      if (looks >= this.#goneLooks) {
        if (client.socket !== undefined) this.cutOff += 1;
        client.socket?.terminate();
      } else if (looks % this.#pingLooks === 0) client.socket?.ping();
    }
  }
}
