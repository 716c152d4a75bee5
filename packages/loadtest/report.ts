import type { Scenario } from "./scenario.ts";
import type { InstanceSample } from "./scrape.ts";

export const REPORT_VERSION = 2;

/** One second of a run. */
export interface Sample {
  readonly atSeconds: number;
  readonly connected: number;
  readonly deliveriesPerSecond: number;
  /** undefined where nothing came in this second. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly generatorCpuShare: number;
  readonly generatorRssBytes: number;
  readonly instances: Readonly<Record<string, InstanceSample>>;
  readonly bus: Readonly<Record<string, number>>;
}

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
  readonly clock: string;
  readonly handshakes: {
    readonly done: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly ms: Quantiles;
    /** Since each was due by the ramp or its backoff: with the wait until there was room for it. */
    readonly sinceDueMs: Quantiles;
  };
  /** The most that were open at once. */
  readonly connectionsMax: number;
  readonly published: number;
  readonly publishFailures: { readonly count: number; readonly last: string };
  readonly deliveries: number;
  /** While it published. */
  readonly deliveriesPerSecond: number;
  readonly lost: number;
  readonly repeated: number;
  readonly disordered: number;
  /** By cursors: offsets that did not grow. */
  readonly repeatedCursors: number;
  readonly strayed: number;
  readonly foreign: number;
  readonly unfollowedStreams: number;
  readonly gaps: Readonly<Record<string, number>>;
  readonly resumed: number;
  readonly closes: Readonly<Record<string, number>>;
  /** Clients that the server asked to come back later, by its reason; their connections' ends are no disconnects. */
  readonly moves: Readonly<Record<string, number>>;
  readonly spread: Readonly<Record<string, number>>;
  readonly latencyMs: Quantiles;
  readonly cpuUsPerDelivery: { readonly generator: number | undefined; readonly server: number | undefined };
  readonly scrapeFailures: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly held: boolean;
  readonly value: string;
  readonly limit: string;
}
