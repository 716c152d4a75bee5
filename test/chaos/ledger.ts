import type { FeedRecord } from "./feed.ts";

export interface Violation {
  readonly client: string;
  readonly channel: string;
  readonly kind: "missing" | "repeated";
  readonly expected: number;
  readonly got: number;
}

/** How late the latest messages were, from the log to a client, in ms. */
export interface WorstDelays {
  /** Of what was written while the client held its connection. */
  readonly connectedMs: number;
  /** Of all, with the time that clients were away and waited to try again. */
  readonly anyMs: number;
}

/** What the ledgers of all clients have in common: violations, explicit gaps, and how late the latest message was. */
export class Books {
  readonly violations: Violation[] = [];
  /** What clients were told that they miss. */
  readonly gaps: string[] = [];
  deliveries = 0;
  #worst: WorstDelays = { connectedMs: 0, anyMs: 0 };

  /** Since the last time that this was asked. */
  takeWorst(): WorstDelays {
    const worst = this.#worst;
    this.#worst = { connectedMs: 0, anyMs: 0 };
    return worst;
  }

  /** `loggedMs`: when the broker wrote it, in ms since 1970 by the same machine's clock. */
  arrived(loggedMs: number, wasConnected: boolean): void {
    this.deliveries += 1;
    const delayMs = Date.now() - loggedMs;
    const { connectedMs, anyMs } = this.#worst;
    this.#worst = {
      connectedMs: wasConnected ? Math.max(connectedMs, delayMs) : connectedMs,
      anyMs: Math.max(anyMs, delayMs),
    };
  }
}

/** Checks one client's messages as they come: the records of each channel, each once, in order, from the first on. */
export class Ledger {
  readonly next = new Map<string, number>();
  readonly #client: string;
  readonly #books: Books;
  /** Channels of which the client was told that something is missing: their next record may be a later one. */
  readonly #gapped = new Set<string>();
  #connectedAtMs = Number.POSITIVE_INFINITY;

  constructor(client: string, channels: readonly string[], books: Books) {
    this.#client = client;
    this.#books = books;
    for (const channel of channels) this.next.set(channel, 0);
  }

  /** The client has a connection from now on, or has none. */
  connected(isConnected: boolean): void {
    this.#connectedAtMs = isConnected ? Date.now() : Number.POSITIVE_INFINITY;
  }

  message(channel: string, { n }: FeedRecord, loggedMs: number): void {
    this.#books.arrived(loggedMs, loggedMs >= this.#connectedAtMs);
    const expected = this.next.get(channel) ?? 0;
    const mayJump = this.#gapped.delete(channel);
    if (n < expected || (n > expected && !mayJump)) {
      const kind = n < expected ? "repeated" : "missing";
      this.#books.violations.push({ client: this.#client, channel, kind, expected, got: n });
    }
    this.next.set(channel, Math.max(expected, n + 1));
  }

  gap(channel: string, reason: string): void {
    this.#books.gaps.push(`${this.#client} ${channel}: ${reason}`);
    this.#gapped.add(channel);
  }

  /** Channels that do not have all of these yet. */
  behind(totals: ReadonlyMap<string, number>): string[] {
    return [...this.next]
      .filter(([channel, next]) => next < (totals.get(channel) ?? 0))
      .map(([channel, next]) => `${this.#client} ${channel}: ${next} of ${totals.get(channel)}`);
  }
}
