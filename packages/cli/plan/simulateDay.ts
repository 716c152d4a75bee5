import { Autoscaler, type AutoscalerSettings } from "./autoscaler.ts";
import { planCapacity } from "./capacityPlan.ts";
import { clientsAt, type DayCurve } from "./dayCurve.ts";
import { shardCores } from "./evaluate.ts";
import { Group } from "./group.ts";
import { MEASURED } from "./measured.ts";
import type { Workload } from "./workload.ts";

export interface Change {
  readonly atSeconds: number;
  readonly from: number;
  readonly to: number;
}

export interface Day {
  readonly changes: readonly Change[];
  /** Changes that took back one of the other direction within an hour. */
  readonly flaps: readonly Change[];
  readonly isFlapping: boolean;
  readonly instancesMost: number;
  readonly instanceHours: number;
  /** Clients that a drain sent elsewhere. */
  readonly moved: number;
  /** Clients × seconds for which no instance had room. */
  readonly refusedClientSeconds: number;
  /** Minutes in which the busiest instance's shards had no core left. */
  readonly saturatedMinutes: number;
  readonly busiestShare: number;
  /** Every ten minutes: what was wanted, and how many instances there were. */
  readonly samples: ReadonlyArray<{
    readonly atSeconds: number;
    readonly clients: number;
    readonly instances: number;
  }>;
}

export interface DayOptions {
  readonly workload: Workload;
  readonly curve: DayCurve;
  readonly autoscaler: AutoscalerSettings;
  readonly lifetimeSeconds: number;
}

const DAY_SECONDS = 86_400;
const STEP_SECONDS = 10;
/** Of the evening before, which is played and not counted: the first size is a guess. */
const SETTLING_SECONDS = 2 * 3600;
const DECISION_SECONDS = 60;
const SAMPLE_SECONDS = 600;
const FLAP_SECONDS = 60 * 60;
/** One may follow from the load itself, such as a spike that passes. */
const FLAPS_MAX = 1;

/** Plays one day, second by second the same each time. */
export function simulateDay({ workload, curve, autoscaler, lifetimeSeconds }: DayOptions): Day {
  const capacity = planCapacity(workload, 0, 1).connectionsMax;
  const { connectionsTarget, instancesMin, instancesMax, warmUpSeconds, drainSeconds } = autoscaler;
  const first = clientsAt(curve, -SETTLING_SECONDS);
  const enough = Math.ceil(first / (capacity * connectionsTarget));
  const group = new Group(
    capacity,
    lifetimeSeconds,
    Math.min(instancesMax, Math.max(instancesMin, enough)),
    first,
  );
  const scaler = new Autoscaler(autoscaler);
  const changes: Change[] = [];
  const samples: Array<Day["samples"][number]> = [];
  const sums = { instanceSeconds: 0, moved: 0, refused: 0, saturatedSeconds: 0 };
  let busiestShare = 0;
  let instancesMost = 0;
  let cpuSum = 0;

  for (let at = -SETTLING_SECONDS; at < DAY_SECONDS; at += STEP_SECONDS) {
    const wanted = clientsAt(curve, at);
    const { handshakesPerSecond, moved, refused } = group.step(at, STEP_SECONDS, wanted);
    const ready = group.ready(at);
    const loads = ready.map((clients) => instanceLoad(workload, clients, ready.length, handshakesPerSecond));
    const busiest = Math.max(...loads);
    cpuSum += loads.reduce((sum, load) => sum + load, 0) / loads.length;
    if (at >= 0) {
      busiestShare = Math.max(busiestShare, busiest);
      instancesMost = Math.max(instancesMost, group.paidFor);
      sums.instanceSeconds += group.paidFor * STEP_SECONDS;
      sums.moved += moved;
      sums.refused += refused * STEP_SECONDS;
      if (busiest >= 1) sums.saturatedSeconds += STEP_SECONDS;
      if (at % SAMPLE_SECONDS === 0) samples.push({ atSeconds: at, clients: wanted, instances: group.size });
    }
    if ((at + STEP_SECONDS) % DECISION_SECONDS !== 0) continue;
    const shardsShare = workload.shardsPerInstance / workload.machine.vcpus;
    const from = group.size;
    const to = scaler.decide(at, from, {
      instances: ready.length,
      cpuShare: ((cpuSum * STEP_SECONDS) / DECISION_SECONDS) * Math.min(1, shardsShare),
      clients: group.clients,
      clientsPerInstance: capacity,
    });
    cpuSum = 0;
    if (to === from) continue;
    group.resize(to, at, warmUpSeconds, drainSeconds);
    if (at >= 0) changes.push({ atSeconds: at, from, to });
  }

  const flaps = changes.filter((change, index) => isFlap(changes[index - 1], change));
  return {
    changes,
    flaps,
    isFlapping: flaps.length > FLAPS_MAX,
    instancesMost,
    instanceHours: sums.instanceSeconds / 3600,
    moved: Math.round(sums.moved),
    refusedClientSeconds: Math.round(sums.refused),
    saturatedMinutes: sums.saturatedSeconds / 60,
    busiestShare,
    samples,
  };
}

/** How busy the shards of one instance are, of all that their cores can do; no more than that is ever seen of them. */
function instanceLoad(
  workload: Workload,
  clients: number,
  instances: number,
  handshakesPerSecond: number,
): number {
  const { shardsPerInstance, coreFactor } = workload;
  const shards = instances * shardsPerInstance;
  const serving = shardCores(workload, clients / shardsPerInstance, shards);
  const greeting = handshakesPerSecond / shards / (MEASURED.handshakesPerSecond.value * coreFactor);
  return Math.min(1, serving + greeting);
}

function isFlap(before: Change | undefined, { atSeconds, from, to }: Change): boolean {
  if (before === undefined || atSeconds - before.atSeconds > FLAP_SECONDS) return false;
  return Math.sign(before.to - before.from) !== Math.sign(to - from);
}
