import { z } from "zod";
import type { HealthReport } from "../health.ts";
import type { ShardStats } from "../supervisor/ipc.ts";
import { mostLagging } from "./shardVitals.ts";

/** Of an announcement: beside it, what else an announcement says must have room. */
const BYTES_MAX = 12 * 1024;
const MESSAGE_CHARACTERS_MAX = 240;
const SHARDS_TOLD_MAX = 256;
const STREAMS_TOLD_MAX = 64;

const count = z.number().nonnegative();
const name = z.string().max(256);
const known = z.number().nullable();

/** How an instance fares, as it tells the others for their dashboards. null is what is not known. */
export const INSTANCE_VITALS = z.object({
  /** Of the shard with the longest. */
  latencyP50Ms: known,
  latencyP99Ms: known,
  loopLagMs: count,
  busState: name,
  busRoundTripMs: known,
  /** Records that this instance's partitions have beyond what it has read; null where it reads none. */
  kafkaLag: known,
  gaps: count,
  repairs: count,
  refusals: count,
  slowClients: count,
  /** Checks of its health that are not ok. */
  problems: z.array(
    z.object({
      check: name,
      status: z.enum(["ok", "degraded", "unhealthy"]),
      value: name,
      message: z.string().max(MESSAGE_CHARACTERS_MAX),
    }),
  ),
  /** Where they are too many for an announcement, the first ones. */
  shards: z
    .array(
      z.object({
        shard: count,
        state: z.enum(["starting", "ready", "draining", "down"]),
        restarts: count,
        connections: count,
        cpuShare: count,
        rssBytes: count,
        loopLagMs: count,
        latencyP99Ms: known,
      }),
    )
    .max(SHARDS_TOLD_MAX),
  /** Of Kafka's partitions that it reads, those with the most lag. */
  streams: z.array(z.object({ name, shard: count, lag: count })).max(STREAMS_TOLD_MAX),
  streamsTotal: count,
});

export type InstanceVitals = Readonly<z.infer<typeof INSTANCE_VITALS>>;

/** Joins what the shards tell, so that it fits into an announcement. */
export function instanceVitals(
  report: HealthReport,
  stats: readonly (ShardStats | undefined)[],
): InstanceVitals {
  const there = stats.flatMap((shard) => (shard === undefined ? [] : [shard]));
  const vitals = there.map((shard) => shard.vitals);
  const streams = stats.flatMap((shard, number) =>
    (shard?.vitals.streams ?? []).map((stream) => ({ ...stream, shard: number })),
  );
  const lags = vitals.flatMap(({ kafkaLag }) => (kafkaLag === null ? [] : [kafkaLag]));
  return fitted({
    latencyP50Ms: tenths(greatest(vitals.map(({ latencyP50Ms }) => latencyP50Ms))),
    latencyP99Ms: tenths(greatest(vitals.map(({ latencyP99Ms }) => latencyP99Ms))),
    loopLagMs: tenths(greatest(vitals.map(({ loopLagMs }) => loopLagMs))) ?? 0,
    busState: [...new Set(there.map(({ busState }) => busState))].join(", ").slice(0, 256) || "unknown",
    busRoundTripMs: tenths(greatest(vitals.map(({ busRoundTripMs }) => busRoundTripMs))),
    kafkaLag: lags.length === 0 ? null : total(lags),
    // Each shard follows every stream, so that all of them count the same gap.
    gaps: Math.max(0, ...there.map(({ gaps }) => gaps)),
    repairs: total(there.map(({ repairs }) => repairs)),
    refusals: total(vitals.map(({ refusals }) => refusals)),
    slowClients: total(vitals.map(({ slowClients }) => slowClients)),
    problems: Object.entries(report.checks).flatMap(([check, { status, value, message }]) =>
      status === "ok"
        ? []
        : [
            {
              ...{ check, status, value: String(value).slice(0, 256) },
              message: (message ?? "").slice(0, MESSAGE_CHARACTERS_MAX),
            },
          ],
    ),
    shards: report.shards.slice(0, SHARDS_TOLD_MAX).map(({ shard, state, restarts, connections }) => ({
      ...{ shard, state, restarts, connections },
      cpuShare: Number((stats[shard]?.cpuShare ?? 0).toFixed(3)),
      rssBytes: stats[shard]?.rssBytes ?? 0,
      loopLagMs: tenths(stats[shard]?.vitals.loopLagMs ?? 0) ?? 0,
      latencyP99Ms: tenths(stats[shard]?.vitals.latencyP99Ms ?? null),
    })),
    streams: mostLagging(streams, STREAMS_TOLD_MAX),
    streamsTotal: total(vitals.map(({ streamsTotal }) => streamsTotal)),
  });
}

/** Tells fewer shards and streams until the rest fits. */
function fitted(vitals: InstanceVitals): InstanceVitals {
  let fitting = vitals;
  while (JSON.stringify(fitting).length > BYTES_MAX && fitting.shards.length + fitting.streams.length > 0) {
    const { shards, streams } = fitting;
    fitting =
      streams.length >= shards.length
        ? { ...fitting, streams: streams.slice(0, streams.length >> 1) }
        : { ...fitting, shards: shards.slice(0, shards.length >> 1) };
  }
  return fitting;
}

function greatest(values: readonly (number | null)[]): number | null {
  const there = values.filter((value) => value !== null);
  return there.length === 0 ? null : Math.max(0, ...there);
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function tenths(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10;
}
