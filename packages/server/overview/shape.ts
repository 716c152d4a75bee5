import type { HealthStatus } from "../health.ts";
import type { DrainAnswer } from "../supervisor/drain.ts";
import type { RebalanceState } from "../supervisor/rebalancer.ts";
import type { InstanceVitals } from "../vitals/instanceVitals.ts";
import type { HistoryColumn } from "./columns.ts";

/** The answer of `GET /api/overview`: all that the dashboard shows. docs/http-api.md explains it. */
export interface Overview {
  /** Of this instance's clock, in ms since 1970. */
  readonly nowMs: number;
  /** Id of the instance that answers. */
  readonly self: string;
  readonly version: string;
  /** Where its clients connect. */
  readonly clients: { readonly port: number; readonly isEncrypted: boolean; readonly takesTokens: boolean };
  /** Whether it plays the demo's market, so that `/demo` shows something, and a shard may be killed. */
  readonly isDemo: boolean;
  /** The worst of the findings. */
  readonly status: HealthStatus;
  /** What is wrong, the worst first; empty when all is well. */
  readonly findings: readonly Finding[];
  /** State of the bus between the instances; `none` where the instance is alone. */
  readonly bus: string;
  /** Clients of this instance beside the mean of its region, and what is being done about it. */
  readonly balance: RebalanceState;
  /** Of this instance; the phase is `none` where nobody has asked for it. */
  readonly drain: DrainAnswer;
  readonly instances: readonly OverviewInstance[];
  /** Instances that fell silent without a goodbye, within the time that history covers. */
  readonly lost: readonly LostInstance[];
  readonly streams: {
    /** Kafka's partitions, those with the most lag first. */
    readonly most: readonly OverviewStream[];
    readonly total: number;
  };
  /** Of this instance. */
  readonly channels: readonly TopChannel[];
  readonly history: {
    readonly sampleMs: number;
    readonly columns: readonly HistoryColumn[];
    /** Oldest first; a value for each column, null for what is not known. */
    readonly samples: readonly Sample[];
  };
}

export interface Finding {
  readonly level: "degraded" | "unhealthy";
  /** Ids of the instances concerned; none where it is the cluster's. */
  readonly instances: readonly string[];
  /** A name that stays the same: a check of /health, a problem of /api/cluster, or `lost`, `silent`, `unexplained`. */
  readonly code: string;
  readonly message: string;
}

export interface OverviewInstance {
  readonly id: string;
  readonly boot: string;
  readonly region: string;
  readonly role: string;
  readonly version: string;
  readonly status: HealthStatus;
  readonly isSelf: boolean;
  readonly ageMs: number;
  /** Not heard of for more than 5 s: it is in no sum. */
  readonly isSilent: boolean;
  readonly startedMs: number;
  readonly shardsTotal: number;
  readonly shardsReady: number;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly publicationsPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly cpuShare: number;
  readonly rssBytes: number;
  /** Absent where its version does not tell. */
  readonly vitals?: Omit<InstanceVitals, "streams" | "streamsTotal">;
}

export interface LostInstance {
  readonly id: string;
  readonly region: string;
  readonly connections: number;
  /** In ms since 1970. */
  readonly lastHeardMs: number;
}

export interface OverviewStream {
  readonly name: string;
  readonly instance: string;
  readonly shard: number;
  readonly lag: number;
}

export interface TopChannel {
  readonly channel: string;
  readonly subscribers: number;
  readonly messages: number;
  readonly messagesPerSecond: number;
}

export type Sample = ReadonlyArray<number | null>;
