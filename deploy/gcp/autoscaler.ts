import { RegionAutoscaler } from "@pulumi/gcp/compute/regionAutoscaler.js";
import type { RegionInstanceGroupManager } from "@pulumi/gcp/compute/regionInstanceGroupManager.js";
import { cpuTargetOf } from "../../packages/cli/plan/comfort.ts";
import { METRIC_PREFIX } from "./monitoring/query.ts";
import { shardsOf, vcpusOf } from "./settings/machineShape.ts";
import type { Settings } from "./settings/schema.ts";
import { named, type Stack } from "./stack.ts";

/** From the order for a machine to a shard that is warm: boot, image, the recent stretch of the log. */
export const START_SECONDS = 180;

/** Follows what asks for more: processors, or the clients that machines hold. */
export function buildAutoscaler(stack: Stack, region: string, group: RegionInstanceGroupManager): void {
  const { regions, stabilizationSeconds, scaleInMachines, scaleInSeconds } = stack.settings;
  const { machinesMin = 1, machinesMax = 1 } = regions[region] ?? {};
  new RegionAutoscaler(`autoscaler-${region}`, {
    name: named(stack, region),
    description: `Shardcast: number of machines of ${region}`,
    region,
    target: group.id,
    autoscalingPolicy: {
      mode: "ON",
      minReplicas: machinesMin,
      maxReplicas: machinesMax,
      cooldownPeriod: START_SECONDS,
      cpuUtilization: { target: cpuShareOf(stack.settings), predictiveMethod: "NONE" },
      metrics: [
        {
          // Each shard has a series of its own; the autoscaler adds up those of a machine.
          name: `${METRIC_PREFIX}/shardcast_connections`,
          filter: 'resource.type = "gce_instance"',
          type: "GAUGE",
          target: clientsTargetOf(stack.settings),
        },
      ],
      // Google's own ten minutes are shorter than the ups and downs of many loads, and each machine that goes with one of
      // them sends its clients away. Limits to how many may go do not help there: one that goes comes back all the same.
      stabilizationPeriod: stabilizationSeconds,
      // Who comes back from a machine that went must find room: a fall of the load is followed slowly.
      scaleInControl: { maxScaledInReplicas: { fixed: scaleInMachines }, timeWindowSec: scaleInSeconds },
    },
  });
}

/** The clients of a machine beyond which a further one is started. */
export function clientsTargetOf({ clientsPerMachine, scaleAtClientsShare }: Settings): number {
  return Math.floor(clientsPerMachine * scaleAtClientsShare);
}

/** The use of a machine's processors that is aimed at: what `shardcast plan` aims at, where the stack says nothing. */
export function cpuShareOf(settings: Settings): number {
  const { scaleAtCpuShare } = settings;
  if (scaleAtCpuShare !== undefined) return scaleAtCpuShare;
  return Math.floor(cpuTargetOf(shardsOf(settings), vcpusOf(settings)) * 100) / 100;
}
