import type { SeenInstance } from "./clusterView.ts";

/** An instance that is well, but for what a test says of it. */
export function seenInstance(fields: Partial<SeenInstance> & { readonly id: string }): SeenInstance {
  return {
    ...{ v: 1, boot: `boot-${fields.id}`, region: "here", role: "all", version: "1.0.0" },
    ...{
      ageMs: 100,
      isSilent: false,
      isSelf: false,
      sentMs: 0,
      startedMs: 0,
      status: "ok",
      isLeaving: false,
    },
    ...{ shards: 2, shardsReady: 2, connections: 10, connectionsMax: 1000 },
    ...{ publicationsPerSecond: 1, deliveriesPerSecond: 10, cpuShare: 0.1, rssBytes: 1, settings: {} },
    ...fields,
  };
}
