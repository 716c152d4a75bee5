import type { SeenInstance } from "../cluster/clusterView.ts";
import { SettledInstances } from "../cluster/settledInstances.ts";
import type { InstanceVitals } from "../vitals/instanceVitals.ts";
import { COLUMNS, type HistoryColumn } from "./columns.ts";
import type { Sample } from "./shape.ts";

/** Between two samples, in ms: as often as instances announce themselves. */
export const SAMPLE_MS = 2000;
/** Samples kept: 15 minutes. */
export const SAMPLES_MAX = (15 * 60 * 1000) / SAMPLE_MS;

const COUNTED = ["gaps", "repairs", "refusals", "slowClients"] as const;
type Counted = (typeof COUNTED)[number];

/** The last quarter of an hour of the whole cluster: what the dashboard's charts are drawn from. */
export class ClusterHistory {
  readonly #samples: Sample[] = [];
  /** Counters as they were at the last sample, by boot: an instance that was started anew counts from nought. */
  #counters = new Map<string, Pick<InstanceVitals, Counted>>();
  readonly #settled = new SettledInstances();

  take(all: readonly SeenInstance[], atMs: number): void {
    const instances = all.filter(({ isSilent }) => !isSilent);
    const vitals = instances.flatMap((instance) => instance.vitals ?? []);
    const most = (of: (vitals: InstanceVitals) => number | null) => greatest(vitals.map(of));
    const settled = this.#settled.take(all, atMs);
    const sum = (of: (instance: SeenInstance) => number, over = settled) =>
      over.reduce((total, instance) => total + of(instance), 0);
    const connectionsOf = ({ connections }: SeenInstance) => connections;
    const counted = this.#countedSinceLast(all);
    const sample: Record<HistoryColumn, number | null> = {
      atMs,
      instances: instances.length,
      connections: Math.min(sum(connectionsOf), sum(connectionsOf, instances)), // Who has gone is gone at once.
      // Every instance that serves clients has all of them.
      publicationsPerSecond: Math.max(0, ...instances.map((instance) => instance.publicationsPerSecond)),
      deliveriesPerSecond: sum(({ deliveriesPerSecond }) => deliveriesPerSecond),
      latencyP50Ms: most(({ latencyP50Ms }) => latencyP50Ms),
      latencyP99Ms: most(({ latencyP99Ms }) => latencyP99Ms),
      loopLagMs: most(({ loopLagMs }) => loopLagMs),
      rssBytes: sum(({ rssBytes }) => rssBytes),
      cpuShare: sum(({ cpuShare }) => cpuShare),
      kafkaLag: added(settled.map((instance) => instance.vitals?.kafkaLag ?? null)),
      busRoundTripMs: most(({ busRoundTripMs }) => busRoundTripMs),
      ...counted,
    };
    this.#samples.push(COLUMNS.map((column) => rounded(sample[column])));
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** Oldest first. */
  samplesAfter(atMs: number): readonly Sample[] {
    return this.#samples.filter(([takenMs]) => (takenMs ?? 0) > atMs);
  }

  #countedSinceLast(instances: readonly SeenInstance[]): Record<Counted, number> {
    const grown: Record<Counted, number> = { gaps: 0, repairs: 0, refusals: 0, slowClients: 0 };
    const counters = new Map<string, Pick<InstanceVitals, Counted>>();
    for (const { boot, vitals } of instances) {
      if (vitals === undefined) continue;
      counters.set(boot, vitals);
      const last = this.#counters.get(boot);
      if (last === undefined) continue;
      for (const name of COUNTED) {
        const growth = Math.max(0, vitals[name] - last[name]);
        // A gap is of a stream, and every instance follows every stream.
        grown[name] = name === "gaps" ? Math.max(grown[name], growth) : grown[name] + growth;
      }
    }
    this.#counters = counters;
    return grown;
  }
}

function greatest(values: ReadonlyArray<number | null>): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function added(values: ReadonlyArray<number | null>): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}
