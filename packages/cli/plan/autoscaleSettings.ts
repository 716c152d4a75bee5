import { choice, decimal, integer } from "@shardcast/server/config/kinds";
import type { Setting, SettingValues } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import type { AutoscalerSettings } from "./autoscaler.ts";
import { COMFORT_SHARE, cpuTargetOf } from "./comfort.ts";
import type { DayCurve } from "./dayCurve.ts";
import type { LOAD_SETTINGS } from "./settings.ts";
import type { Workload } from "./workload.ts";

const own = { group: "command", where: "flag" } as const;

/** Flags of `shardcast plan autoscale`, beside those of the load. */
export const AUTOSCALE_SETTINGS = {
  signal: {
    ...own,
    name: "signal",
    kind: choice(["cpu", "connections", "both"]),
    doc: "What the size of the group follows. With both, the signal that wants more counts.",
    default: "both",
  },
  targetCpu: {
    ...own,
    name: "target-cpu",
    kind: decimal(0.01, 1),
    doc: "Use of all cores of the instances, on average, that is aimed at.",
    derived: "three quarters of what --cpu-target makes of an instance",
  },
  targetConnections: {
    ...own,
    name: "target-connections",
    kind: decimal(0.01, 1),
    doc: "How full instances are to be, of the clients that one holds.",
    default: COMFORT_SHARE,
  },
  instancesMin: {
    ...own,
    name: "instances-min",
    kind: integer(1, 1000),
    doc: "Never fewer.",
    default: 2,
  },
  instancesMax: {
    ...own,
    name: "instances-max",
    kind: integer(1, 1000),
    doc: "Never more.",
    default: 100,
  },
  stabilizationSeconds: {
    ...own,
    name: "stabilization-seconds",
    kind: integer(0, 3600),
    doc: "The group shrinks only to what would have been enough at every moment of so long.",
    default: 1800,
  },
  scaleInMax: {
    ...own,
    name: "scale-in-max",
    kind: integer(1, 1000),
    doc: "At most so many instances fewer within --scale-in-window-seconds.",
    default: 1,
  },
  scaleInWindowSeconds: {
    ...own,
    name: "scale-in-window-seconds",
    kind: integer(0, 3600),
    doc: "The time for --scale-in-max.",
    default: 600,
  },
  warmUpSeconds: {
    ...own,
    name: "warm-up-seconds",
    kind: integer(0, 3600),
    doc: "Until a new instance takes clients.",
    default: 180,
  },
  drainSeconds: {
    ...own,
    name: "drain-seconds",
    kind: integer(0, 3600),
    doc: "Over which an instance that is taken away sends its clients elsewhere.",
    default: SETTINGS.drainTimeoutMs.default / 1000,
  },
  lifetimeMinutes: {
    ...own,
    name: "lifetime-minutes",
    kind: decimal(0.5, 10_000),
    doc: "How long a client stays connected, on average.",
    default: 60,
  },
  nightShare: {
    ...own,
    name: "night-share",
    kind: decimal(0, 1),
    doc: "Clients at night, as a share of --connections, which is the peak by day.",
    default: 0.25,
  },
  rippleShare: {
    ...own,
    name: "ripple-share",
    kind: decimal(0, 0.5),
    doc: "How much the load goes up and down within minutes.",
    default: 0.05,
  },
  rippleMinutes: {
    ...own,
    name: "ripple-minutes",
    kind: decimal(1, 240),
    doc: "How long one such up and down takes.",
    default: 14,
  },
  spikeShare: {
    ...own,
    name: "spike-share",
    kind: decimal(0, 10),
    doc: "So many more clients for twenty minutes at 21:00, as a share of the peak.",
    default: 0,
  },
} as const satisfies Record<string, Setting>;

export type AutoscaleValues = SettingValues<typeof LOAD_SETTINGS & typeof AUTOSCALE_SETTINGS>;

export function autoscalerOf(values: AutoscaleValues, workload: Workload): AutoscalerSettings {
  const { shardsPerInstance, machine, cpuTarget } = workload;
  return {
    signal: values.signal,
    cpuTarget: values.targetCpu ?? cpuTargetOf(shardsPerInstance, machine.vcpus, cpuTarget),
    connectionsTarget: values.targetConnections,
    instancesMin: values.instancesMin,
    instancesMax: values.instancesMax,
    stabilizationSeconds: values.stabilizationSeconds,
    scaleInMax: values.scaleInMax,
    scaleInWindowSeconds: values.scaleInWindowSeconds,
    warmUpSeconds: values.warmUpSeconds,
    drainSeconds: values.drainSeconds,
  };
}

export function curveOf(values: AutoscaleValues): DayCurve {
  return {
    peak: values.connections,
    nightShare: values.nightShare,
    rippleShare: values.rippleShare,
    rippleMinutes: values.rippleMinutes,
    spikeShare: values.spikeShare,
  };
}
