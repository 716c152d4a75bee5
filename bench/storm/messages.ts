import type { SparseHistogram } from "@shardcast/loadtest/histogram";

export const TOPIC = "storm";
export const CHANNELS = 16;
/** Of each client. */
const CHANNELS_PER_CLIENT = 4;

/** How the clients of one process begin. */
export interface StormStart {
  readonly url: string;
  readonly clients: number;
  /** Number of the first one among all. */
  readonly first: number;
  readonly addresses: readonly string[];
}

/**
 * `connect`: subscribe, from now on. `leave`: ask for a mark, and vanish the moment it is there. `comeBack`: all at once, and
 * resume. Each is answered when all clients are done with it. `measure` is answered at once, and begins to count anew.
 */
export type StormCommand = "connect" | "leave" | "comeBack" | "measure";

export type StormAnswer =
  | { readonly done: Exclude<StormCommand, "measure"> }
  | { readonly measured: Measured };

export interface Measured {
  /** Since a record was handed to the producer. */
  readonly latency: SparseHistogram;
  readonly messages: number;
  /** Since all were told to come back, until everything missed was there. */
  readonly caughtUp: SparseHistogram;
  /** The same since a client's own handshake was done. */
  readonly resumed: SparseHistogram;
  readonly notRecovered: number;
  /** Messages that were missing, repeated or out of order. */
  readonly wrong: number;
  readonly closed: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

/** The channels that a client listens to: so many of all, and another set for each of `CHANNELS` clients in a row. */
export function channelsOf(client: number): number[] {
  return Array.from({ length: CHANNELS_PER_CLIENT }, (_, at) => (client + at * 5) % CHANNELS);
}

export function channelKey(channel: number): string {
  return `c${String(channel).padStart(2, "0")}`;
}
