import { type HealthCheck, type HealthReport, type ShardHealth, worst } from "../health.ts";
import type { ShardStats } from "./ipc.ts";

export interface InstanceState {
  readonly instance: string;
  readonly draining: boolean;
  readonly connectionsMax: number;
  readonly shards: readonly ShardHealth[];
  readonly stats: readonly (ShardStats | undefined)[];
}

/**
 * Only what another instance could do better makes an instance unhealthy: not warm, draining, full. A lost bus alone, a
 * lost Kafka alone or one dead shard are `degraded`: taking every instance out at once would help nobody.
 */
export function instanceHealth(state: InstanceState): HealthReport {
  const checks: Record<string, HealthCheck> = {
    shards: shardsCheck(state.shards),
    draining: state.draining
      ? { status: "unhealthy", value: "yes", message: "this instance is being taken out" }
      : { status: "ok", value: "no" },
    connections: connectionsCheck(state),
    bus: namesCheck(
      state.stats,
      (stats) => stats.busState,
      ["connected"],
      "delivery goes on from the log alone",
    ),
    source: namesCheck(
      state.stats,
      (stats) => stats.sourceState,
      ["reading", "none"],
      "clients are kept; it catches up",
    ),
  };
  return { status: worst(Object.values(checks)), instance: state.instance, checks, shards: state.shards };
}

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
