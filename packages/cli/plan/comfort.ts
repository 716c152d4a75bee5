/**
 * How full instances are to be on average, of what one holds at most: a quarter is free for those who come while a new
 * instance starts. An autoscaler aims at this share of the clients and of the processors, in a plan and in deploy/gcp
 * alike; docs/planning.md shows what less room costs.
 */
export const COMFORT_SHARE = 0.75;

/** How much of a core a shard may be busy in the long run. */
export const SHARD_CPU_SHARE = 0.6;

/** The use of all cores of an instance at which a group grows. Cores without a shard are the supervisor's and the kernel's. */
export function cpuTargetOf(shards: number, vcpus: number, shardCpuShare = SHARD_CPU_SHARE): number {
  return COMFORT_SHARE * shardCpuShare * Math.min(1, shards / vcpus);
}
