import type { SparseHistogram } from "./histogram.ts";
import type { Scenario } from "./scenario.ts";
import type { ServerSample } from "./serverWatch.ts";

export const REPORT_VERSION = 2;

/** One second of a run. */
export interface Sample extends ServerSample {
  readonly atSeconds: number;
  readonly phase: Phase;
  readonly connected: number;
  readonly deliveriesPerSecond: number;
  /** undefined where nothing came in this second. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Of one core, by the busiest generator. */
  readonly generatorCpuShare: number;
  /** How late the latest timer of a generator was: its own part of the latency. */
  readonly generatorLagMs: number;
  readonly generatorRssBytes: number;
  /** Of one core, by the process that publishes and counts. */
  readonly publisherCpuShare: number;
  /** How late its latest timer was. */
  readonly publisherLagMs: number;
  /** Of all cores of the machine that the generators run on. */
  readonly machineCpuShare: number;
  /** So far. */
  readonly problems: Problems;
}

export interface Problems {
  readonly refused: number;
  readonly disconnects: number;
  readonly gaps: number;
  readonly repeated: number;
  readonly disordered: number;
}

export type Phase = "connecting" | "holding" | "settling";

export interface Quantiles {
  readonly samples: number;
  readonly p50: number | undefined;
  readonly p90: number | undefined;
  readonly p99: number | undefined;
  readonly p999: number | undefined;
  readonly max: number | undefined;
}

/** What a run found; the JSON file is this, and docs/load-testing.md describes it. */
export interface Report {
  readonly version: typeof REPORT_VERSION;
  readonly startedAt: string;
  readonly wasInterrupted: boolean;
  readonly scenario: Scenario;
  readonly generators: number;
  /** Why each generator that ended by itself did. */
  readonly generatorDeaths: readonly string[];
  readonly clock: string;
  readonly handshakes: {
    readonly done: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly ms: Quantiles;
    /** Since each was due by the ramp or its backoff: with the wait until there was room for it. */
    readonly sinceDueMs: Quantiles;
  };
  /** From the first to the last, and as the scenario wants it. */
  readonly rampSeconds: { readonly took: number; readonly wanted: number };
  /** How long it published, or listened: less than the scenario wants where it ended early. */
  readonly heldSeconds: number;
  /** The most that were open at once. */
  readonly connectionsMax: number;
  /** Clients that were connected, with their subscriptions answered, when publishing began. */
  readonly readyAtStart: number;
  readonly readyAtEnd: number;
  /** Clients that were subscribed and got no message on one of their channels. */
  readonly silentClients: number;
  /** By the rate and the time for which it was held. */
  readonly due: number;
  readonly published: number;
  readonly publishFailures: { readonly count: number; readonly last: string };
  readonly deliveries: number;
  /** While it published. */
  readonly deliveriesPerSecond: number;
  /** The longest time without a delivery, while it published. */
  readonly silenceSeconds: number;
  /** Messages; of `latest` and rates clients' channels that did not end on the last value. */
  readonly lost: number;
  /** False where a generator did not come to count what it lost. */
  readonly isAudited: boolean;
  readonly repeated: number;
  readonly disordered: number;
  /** By cursors: offsets that did not grow. */
  readonly repeatedCursors: number;
  readonly strayed: number;
  readonly foreign: number;
  /** Frames that are none of the protocol's. */
  readonly unreadable: number;
  /** Messages that were received before their own time, because the clocks do not agree. */
  readonly early: number;
  readonly unfollowedStreams: number;
  readonly gaps: Readonly<Record<string, number>>;
  readonly resumed: number;
  /** Frames that came deflated. */
  readonly deflatedFrames: number;
  readonly closes: Readonly<Record<string, number>>;
  /** Clients that the server asked to come back later, by its reason; their connections' ends are no disconnects. */
  readonly moves: Readonly<Record<string, number>>;
  /** What was done to clients on purpose: `cut` by the storm, `replaced` by churn, `paused` as slow ones. */
  readonly disturbed: Readonly<Record<string, number>>;
  /** Welcomes, by instance and shard. */
  readonly spread: Readonly<Record<string, number>>;
  readonly latencyMs: Quantiles;
  /** Of the clients that are slow on purpose, which are not in `latencyMs`. */
  readonly slowLatencyMs: Quantiles;
  readonly latencyHistogram: SparseHistogram;
  readonly cpuUsPerDelivery: { readonly generator: number | undefined; readonly server: number | undefined };
  readonly scrapeFailures: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
  /** What a reader must know to take the figures for what they are. */
  readonly notes: readonly string[];
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly held: boolean;
  readonly value: string;
  readonly limit: string;
}
