import type { ShardVitals } from "./shardVitals.ts";

/** Of a shard that has nothing to tell yet. */
export const NO_VITALS: ShardVitals = {
  ...{ latencyP50Ms: null, latencyP99Ms: null, loopLagMs: 0, busRoundTripMs: null },
  ...{ refusals: 0, slowClients: 0, streams: [], streamsTotal: 0, kafkaLag: null },
};
