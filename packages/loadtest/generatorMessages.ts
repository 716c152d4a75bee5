import type { Access } from "./access.ts";
import type { SparseHistogram } from "./histogram.ts";
import type { Scenario } from "./scenario.ts";

export interface GeneratorStart {
  readonly scenario: Scenario;
  readonly run: number | undefined;
  readonly first: number;
  readonly count: number;
  /** Of all generators together as many connections a second as the scenario says. */
  readonly connectionsPerSecond: number;
  /** Of this generator alone; none leaves the choice to the kernel. */
  readonly sourceAddresses: readonly string[];
  readonly handshakesMax: number;
  readonly access: Access;
}

export type ToGenerator =
  | { readonly type: "start"; readonly start: GeneratorStart }
  /** Publishing begins: from the first message on all is due to those that are subscribed. */
  | { readonly type: "expect" }
  /** Once it is counted who is there: churn and slow clients begin. */
  | { readonly type: "disturb" }
  | { readonly type: "storm"; readonly share: number }
  /** Nothing is done to clients any more, and none comes that has not begun to: what is still due can settle. */
  | { readonly type: "calm" }
  /** Counts what is lost of what was published, and who was there before that time (ms since 1970) and got nothing. */
  | ({ readonly type: "audit"; readonly heardSinceMs: number } & Numbers)
  /** Answered with a beat. */
  | { readonly type: "look" };

/** Of the messages of each channel. */
export interface Numbers {
  /** How many were given out, from 0. */
  readonly sent: readonly number[];
  /** Those, ascending, whose publishing nobody acknowledged. */
  readonly failed: readonly (readonly number[])[];
}

/** What was done to the clients on purpose. */
export interface Disturbed {
  readonly cut: number;
  readonly replaced: number;
  /** Of slow clients, how often one stopped reading. */
  readonly paused: number;
}

/** Totals since the start, but for `latency` and `slowLatency`: since the beat before. */
export interface GeneratorBeat {
  readonly type: "beat" | "audited";
  readonly pid: number;
  readonly connected: number;
  /** Connected, with their subscriptions answered. */
  readonly ready: number;
  readonly handshakes: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly handshake: SparseHistogram;
  /** Since it was due, the wait for its turn included. */
  readonly handshakeSinceDue: SparseHistogram;
  readonly resumed: number;
  /** Frames that came deflated. */
  readonly deflated: number;
  readonly deliveries: number;
  readonly foreign: number;
  readonly unreadable: number;
  readonly early: number;
  readonly latency: SparseHistogram;
  readonly slowLatency: SparseHistogram;
  readonly disturbed: Disturbed;
  readonly closes: Readonly<Record<string, number>>;
  /** Clients that the server asked to move, by its reason. */
  readonly moves: Readonly<Record<string, number>>;
  readonly gaps: Readonly<Record<string, number>>;
  readonly spread: Readonly<Record<string, number>>;
  readonly repeated: number;
  readonly repeatedCursors: number;
  readonly disordered: number;
  readonly unfollowed: number;
  readonly strayed: number;
  readonly lost: number;
  /** Clients that got nothing on one of their channels, although they came in time. */
  readonly silentClients: number;
  readonly cpuUs: number;
  /** Of one core, between two beats. */
  readonly cpuShare: number;
  /** How late the latest timer was, between two beats. */
  readonly lagMs: number;
  readonly rssBytes: number;
}
