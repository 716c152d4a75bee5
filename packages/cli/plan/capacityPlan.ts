import { bytesPerDelivery, evaluate, type Resource } from "./evaluate.ts";
import { MEASURED } from "./measured.ts";
import type { Workload } from "./workload.ts";

export interface CapacityPlan {
  /** Whether everything holds with the spare instances away. */
  readonly fits: boolean;
  /** Without the spare ones. */
  readonly instances: number;
  readonly spareInstances: number;
  readonly shards: number;
  /** While the spare instances are away, the scarcest first. */
  readonly resources: readonly Resource[];
  readonly firstBottleneck: Resource;
  /** What this many instances hold, and what stops them there. */
  readonly connectionsMax: number;
  readonly connectionsMaxBecause: Resource["name"];
  readonly deliveriesPerSecond: number;
  readonly egressGbps: number;
  /** What the bus sends, with the spare instances there. */
  readonly busEgressGbps: number;
  /** After the loss of one instance: how many come back elsewhere, and the least that this takes. */
  readonly lossOfOne: { readonly clients: number; readonly secondsMin: number } | undefined;
}

export const INSTANCES_MAX = 1000;
const CONNECTIONS_MAX = 1e9;

/** The fewest instances that hold the load, or what `given` instances make of it. */
export function planCapacity(workload: Workload, spareInstances: number, given?: number): CapacityPlan {
  const instances = given ?? fewestInstances(workload, spareInstances);
  const resources = evaluate(workload, instances, spareInstances);
  const connectionsMax = largestThatHolds((connections) =>
    holds(evaluate({ ...workload, connections }, instances, spareInstances)),
  );
  const [firstBottleneck] = resources;
  const [beyond] = evaluate({ ...workload, connections: connectionsMax + 1 }, instances, spareInstances);
  if (firstBottleneck === undefined || beyond === undefined) throw new Error("a plan without resources");
  const deliveriesPerSecond = workload.connections * workload.receivedPerSecond;
  return {
    fits: holds(resources),
    instances,
    spareInstances,
    shards: (instances + spareInstances) * workload.shardsPerInstance,
    resources,
    firstBottleneck,
    connectionsMax,
    connectionsMaxBecause: beyond.name,
    deliveriesPerSecond,
    egressGbps: (deliveriesPerSecond * bytesPerDelivery(workload) * 8) / 1e9,
    busEgressGbps: resources.find(({ name }) => name === "bus egress")?.used ?? 0,
    lossOfOne: lossOfOne(workload, instances + spareInstances),
  };
}

/** Where no number of instances is enough: the one that is least beyond its limits. */
function fewestInstances(workload: Workload, spareInstances: number): number {
  const most = workload.bus === "local" ? 1 : INSTANCES_MAX;
  let best = { instances: 1, share: Number.POSITIVE_INFINITY };
  for (let instances = 1; instances <= most; instances++) {
    const share = evaluate(workload, instances, spareInstances)[0]?.share ?? 0;
    if (share <= 1) return instances;
    if (share < best.share) best = { instances, share };
  }
  return best.instances;
}

function holds(resources: readonly Resource[]): boolean {
  return resources.every(({ share }) => share <= 1);
}

/** More clients never need less of anything, so halving finds it. */
function largestThatHolds(isHeld: (connections: number) => boolean): number {
  let [low, high] = [0, CONNECTIONS_MAX];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isHeld(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function lossOfOne(workload: Workload, instances: number): CapacityPlan["lossOfOne"] {
  if (instances < 2) return undefined;
  const clients = Math.ceil(workload.connections / instances);
  const cores = (instances - 1) * workload.shardsPerInstance * workload.coreFactor;
  return { clients, secondsMin: clients / (cores * MEASURED.handshakesPerSecond.value) };
}
