import type { Config } from "../config/shape.ts";
import {
  type HealthCheck,
  type HealthReport,
  type HealthStatus,
  type ShardHealth,
  worst,
} from "../health.ts";
import { addressesCheck } from "./addressesCheck.ts";
import type { ShardStats } from "./ipc.ts";

export interface InstanceState {
  readonly instance: string;
  readonly draining: boolean;
  /** How far that has come; for people. */
  readonly drainProgress?: string;
  readonly connectionsMax: number;
  readonly subscriptionsMax: number;
  readonly admission: Config["admission"];
  readonly memory: HealthCheck;
  readonly shards: readonly ShardHealth[];
  readonly stats: readonly (ShardStats | undefined)[];
  /** In ms, of any origin; never goes back. */
  readonly nowMs: number;
  /** State of the bus between the instances' supervisors; `none` where the instance is alone. */
  readonly clusterBus: string;
  /** What this instance and others contradict each other in. */
  readonly clusterProblems: readonly string[];
  /** Where the log is: "memories" are those of all instances, which are read over the bus. */
  readonly log: "memory" | "memories" | "kafka";
}

/** The oldest undelivered frame is younger than this share of its limit for a while: not saturated any more. */
const RELIEVED_SHARE = 0.25;
const RELIEVED_FOR_MS = 10_000;
/** Share of a core: below it a shard is not busy, so what is late is late elsewhere. */
const BUSY_SHARE = 0.7;
/** Cut off from bus and log for longer than this, an instance sends its clients elsewhere. */
const CUT_OFF_GRACE_MS = 15_000;
/** A stretch that waits this long for a repair is worth telling. */
const HOLD_MS_MAX = 2000;
/** How long a gap is told. */
const GAP_TOLD_MS = 60_000;

/**
 * Judges one instance. Only what another instance could do better makes it unhealthy: not warm, draining, full,
 * saturated, cut off from bus and log. A lost bus alone, a lost Kafka alone or one dead shard are `degraded`: taking
 * every instance out at once would help nobody. It remembers what needs hysteresis, so ask one judge at every tick.
 */
export class InstanceHealth {
  #saturated = false;
  #strainedMs: number | undefined;
  #cutOffMs: number | undefined;
  #gaps = new Map<number, number>();
  #gapMs: number | undefined;

  judge(state: InstanceState): HealthReport {
    const checks: Record<string, HealthCheck> = {
      shards: shardsCheck(state.shards),
      draining: state.draining
        ? { status: "unhealthy", value: "yes", message: state.drainProgress ?? DRAINING_MESSAGE }
        : { status: "ok", value: "no" },
      connections: connectionsCheck(state),
      subscriptions: subscriptionsCheck(state),
      addresses: addressesCheck(state.admission),
      saturation: this.#saturationCheck(state),
      memory: state.memory,
      bus: namesCheck(state.stats, (stats) => stats.busState, ["connected"], BUS_MESSAGE),
      log: this.#logCheck(state),
      source: namesCheck(state.stats, (stats) => stats.sourceState, ["reading", "none"], SOURCE_MESSAGE),
      keys: namesCheck(state.stats, (stats) => stats.tokenKeys, ["none", "fresh"], KEYS_MESSAGE),
      group: groupCheck(state.stats),
      streams: streamsCheck(state.stats),
      repair: repairCheck(state.stats),
      gaps: this.#gapsCheck(state),
      cluster: clusterCheck(state),
    };
    return { status: worst(Object.values(checks)), instance: state.instance, checks, shards: state.shards };
  }

  /** Whether the last judgement was that there is more work than can be done. */
  get isSaturated(): boolean {
    return this.#saturated;
  }

  /** A frame is old because the shard that has it works without a pause: then more clients would make it older still. */
  #saturationCheck({ stats, nowMs, admission }: InstanceState): HealthCheck {
    const { frameAgeMsMax } = admission;
    const lagMs = most(stats, (shard) => shard.busLagMs);
    const isStrained = stats.some(
      (shard) => shard !== undefined && shard.busLagMs > frameAgeMsMax && shard.cpuShare > BUSY_SHARE,
    );
    if (isStrained || lagMs > frameAgeMsMax * RELIEVED_SHARE) this.#strainedMs = nowMs;
    if (isStrained) this.#saturated = true;
    else if (nowMs - (this.#strainedMs ?? 0) > RELIEVED_FOR_MS) this.#saturated = false;
    const base = { value: Math.round(lagMs), limit: frameAgeMsMax };
    if (!this.#saturated) return { status: "ok", ...base };
    const message =
      "ms that the oldest undelivered frame has waited: this instance has more work than it can do";
    return { status: "unhealthy", ...base, message };
  }

  /**
   * The log is asked only by those who need it, so what waits for it is what tells that it is away. Where the instances'
   * memories are the log, it is away with the bus, for all at once: then nobody could do better.
   */
  #logCheck({ stats, nowMs, log }: InstanceState): HealthCheck {
    const waiting = most(stats, (shard) => shard.streamsWaitingForLog);
    const isCutOff = (shard: ShardStats | undefined): boolean =>
      log !== "memories" &&
      shard !== undefined &&
      shard.busState !== "connected" &&
      shard.streamsWaitingForLog > 0;
    const ready = stats.filter((shard) => shard !== undefined);
    if (ready.length > 0 && ready.every(isCutOff)) this.#cutOffMs ??= nowMs;
    else this.#cutOffMs = undefined;
    if (waiting === 0) return { status: "ok", value: `reachable (${LOG_NAMES[log]})` };
    const isOver = this.#cutOffMs !== undefined && nowMs - this.#cutOffMs > CUT_OFF_GRACE_MS;
    const status: HealthStatus = isOver ? "unhealthy" : "degraded";
    const message = isOver
      ? "cut off from bus and log: another instance may reach them"
      : `${waiting} stream(s) wait for a log that does not answer`;
    return { status, value: `unreachable (${LOG_NAMES[log]})`, message };
  }

  #gapsCheck({ stats, nowMs }: InstanceState): HealthCheck {
    stats.forEach((shard, index) => {
      if (shard === undefined) return;
      // A shard that was started anew counts from nought.
      if (shard.gaps > (this.#gaps.get(index) ?? 0)) this.#gapMs = nowMs;
      this.#gaps.set(index, shard.gaps);
    });
    const value = most(stats, (shard) => shard.gaps);
    if (this.#gapMs === undefined || nowMs - this.#gapMs > GAP_TOLD_MS) return { status: "ok", value };
    return { status: "degraded", value, message: "within the last minute a stretch was lost for good" };
  }
}

const LOG_NAMES = { memory: "memory", memories: "memory of each instance", kafka: "Kafka" } as const;
const DRAINING_MESSAGE = "this instance is being taken out";
const BUS_MESSAGE = "delivery goes on from the log alone";
const KEYS_MESSAGE =
  "the keys of tokens can not be fetched: `stale` ones still hold, with none (`away`) tokens are refused";
const SOURCE_MESSAGE = "clients are kept; it catches up";

function shardsCheck(shards: readonly ShardHealth[]): HealthCheck {
  const ready = shards.filter((shard) => shard.state === "ready").length;
  const base = { value: ready, limit: shards.length };
  if (ready === shards.length) return { status: "ok", ...base };
  if (ready === 0) return { status: "unhealthy", ...base, message: "no shard is ready" };
  return { status: "degraded", ...base, message: `${shards.length - ready} shard(s) are not ready` };
}

function connectionsCheck({ stats, connectionsMax }: InstanceState): HealthCheck {
  const value = stats.reduce((sum, shard) => sum + (shard?.connections ?? 0), 0);
  const base = { value, limit: connectionsMax };
  return value < connectionsMax
    ? { status: "ok", ...base }
    : { status: "unhealthy", ...base, message: "this instance holds as many clients as it may" };
}

function subscriptionsCheck({ stats, subscriptionsMax }: InstanceState): HealthCheck {
  const value = stats.reduce((sum, shard) => sum + (shard?.subscriptions ?? 0), 0);
  const base = { value, limit: subscriptionsMax };
  return value < subscriptionsMax
    ? { status: "ok", ...base }
    : { status: "unhealthy", ...base, message: "this instance has as many subscriptions as it may" };
}

function clusterCheck({ clusterBus, clusterProblems }: InstanceState): HealthCheck {
  if (clusterProblems.length > 0) {
    return { status: "degraded", value: clusterProblems.length, message: clusterProblems.join("; ") };
  }
  return clusterBus === "connected" || clusterBus === "none"
    ? { status: "ok", value: clusterBus }
    : { status: "degraded", value: clusterBus, message: "the other instances are not seen, nor is this one" };
}

function groupCheck(stats: readonly (ShardStats | undefined)[]): HealthCheck {
  const value = most(stats, (shard) => shard.groupStrangers);
  if (value === 0) return { status: "ok", value };
  const message = "members of the consumer group publish to another bus: what they read is late here";
  return { status: "degraded", value, message };
}

function streamsCheck(stats: readonly (ShardStats | undefined)[]): HealthCheck {
  const value = most(stats, (shard) => shard.streamsUnfollowed);
  if (value === 0) return { status: "ok", value };
  const message = "streams that are not followed, because there are more than a shard can: fewer partitions";
  return { status: "degraded", value, message };
}

function repairCheck(stats: readonly (ShardStats | undefined)[]): HealthCheck {
  const holdMs = Math.round(most(stats, (shard) => shard.oldestHoldMs));
  const readForward = most(stats, (shard) => shard.streamsReadForward);
  const base = { value: holdMs, limit: HOLD_MS_MAX };
  if (holdMs > HOLD_MS_MAX) {
    return { status: "degraded", ...base, message: "ms that a stream has waited for a repair from the log" };
  }
  if (readForward === 0) return { status: "ok", ...base };
  const message = `${readForward} stream(s) are read from the log because the bus does not serve them`;
  return { status: "degraded", ...base, message };
}

function namesCheck(
  stats: readonly (ShardStats | undefined)[],
  nameOf: (stats: ShardStats) => string,
  good: readonly string[],
  message: string,
): HealthCheck {
  const names = [...new Set(stats.flatMap((shard) => (shard === undefined ? [] : [nameOf(shard)])))];
  const value = names.join(", ") || "unknown";
  return names.every((name) => good.includes(name))
    ? { status: "ok", value }
    : { status: "degraded", value, message };
}

function most(stats: readonly (ShardStats | undefined)[], of: (stats: ShardStats) => number): number {
  return stats.reduce((max, shard) => (shard === undefined ? max : Math.max(max, of(shard))), 0);
}
