import type { Config } from "../config/shape.ts";
import type { Pressure } from "../gateway/admission.ts";
import type { DepartureOrder } from "../gateway/departures.ts";
import type { TlsIdentity } from "../gateway/websocket.ts";
import type { HealthReport } from "../health.ts";
import type { ShardVitals } from "../vitals/shardVitals.ts";
import type { ShardPermits } from "./shardPermits.ts";

/** What a shard needs to begin. It comes first, over the same channel as everything else, so nothing secret is in argv. */
export interface ShardStart {
  readonly config: Config;
  readonly shard: number;
  /** Of this run of the instance: unique, and the same for all its shards and their restarts. */
  readonly boot: string;
  /** The port that the first shard has chosen, where the configured one is 0. */
  readonly port: number;
  readonly busPath: string;
  readonly logPath: string;
  /** Of what other instances keep in their memories; served with a shared bus. */
  readonly peerLogPath: string;
  readonly permits: ShardPermits;
  /** Certificate and key of the public port, as their files hold them now. Absent: not encrypted. */
  readonly tls?: TlsIdentity;
  /** How far this instance has read each stream: where a shard begins whose log is away at its start. */
  readonly positions: StreamPositions;
}

export type StreamPositions = ReadonlyArray<readonly [streamId: string, next: number]>;

export type ToShard =
  | { readonly type: "start"; readonly start: ShardStart }
  | { readonly type: "permits"; readonly permits: ShardPermits }
  | { readonly type: "tls"; readonly tls: TlsIdentity }
  | {
      readonly type: "health";
      readonly report: HealthReport;
      /** Why nobody new is let in; absent: all is well. */
      readonly pressure?: Pressure | undefined;
    }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  /** To be followed by the end: the partitions go to other shards of the group. */
  | { readonly type: "handOver" }
  | { readonly type: "depart"; readonly order: DepartureOrder }
  | { readonly type: "stop" };

export type FromShard =
  | { readonly type: "ready"; readonly port: number }
  | { readonly type: "beat"; readonly stats: ShardStats; readonly positions: StreamPositions }
  | { readonly type: "answer"; readonly id: number; readonly answer: unknown }
  /** Restarting would not help: what the configuration names is not there. */
  | { readonly type: "failed"; readonly message: string };

export type Question = "metrics" | "channels" | "connections";

/** A shard's beat: about twice a second, and what the supervisor knows of it. */
export interface ShardStats {
  readonly connections: number;
  /** Of all its clients. */
  readonly subscriptions: number;
  /** Of the permits that the shard has heard of last. */
  readonly permitsNumber: number;
  readonly publications: number;
  readonly deliveries: number;
  readonly rssBytes: number;
  /** Of one core, since the last beat. */
  readonly cpuShare: number;
  readonly busState: string;
  /** How far the shard is behind its bus. */
  readonly busLagMs: number;
  readonly gaps: number;
  readonly repairs: number;
  readonly oldestHoldMs: number;
  readonly streamsReadForward: number;
  /** Not followed, because there are more than one shard can. */
  readonly streamsUnfollowed: number;
  readonly streamsWaitingForLog: number;
  readonly sourceState: string;
  /** Members of the consumer group that publish to another bus. */
  readonly groupStrangers: number;
  /** State of the key set of tokens; `none` where there is no such set. */
  readonly tokenKeys: string;
  readonly vitals: ShardVitals;
}

export interface ChannelInfo {
  readonly channel: string;
  readonly subscribers: number;
  readonly messages: number;
  /** That it has had since the shard's start. */
  readonly total: number;
}
