import type { SeenInstance } from "./clusterView.ts";
import { SettledInstances } from "./settledInstances.ts";

/** Of those that are not silent. */
export interface Totals {
  readonly instances: number;
  readonly shards: number;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly deliveriesPerSecond: number;
}

/** Adds up what instances announce, so that what one that was killed had is in no sum twice. Pure: time is handed in. */
export class ClusterTotals {
  readonly #settled = new SettledInstances();

  /** To be called with all that are there, also while nobody asks: who does is told what was a moment ago. */
  take(all: readonly SeenInstance[], nowMs: number): Totals {
    const instances = all.filter(({ isSilent }) => !isSilent);
    const settled = this.#settled.take(all, nowMs);
    const sum = (of: (instance: SeenInstance) => number, over: readonly SeenInstance[] = instances) =>
      over.reduce((total, instance) => total + of(instance), 0);
    const connectionsOf = ({ connections }: SeenInstance) => connections;
    return {
      instances: instances.length,
      shards: sum(({ shards }) => shards),
      // Who has gone is gone at once.
      connections: Math.min(sum(connectionsOf), sum(connectionsOf, settled)),
      connectionsMax: sum(({ connectionsMax }) => connectionsMax),
      deliveriesPerSecond: Math.round(sum(({ deliveriesPerSecond }) => deliveriesPerSecond, settled)),
    };
  }
}
