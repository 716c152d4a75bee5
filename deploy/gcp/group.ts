import { HealthCheck } from "@pulumi/gcp/compute/healthCheck.js";
import type { InstanceTemplate } from "@pulumi/gcp/compute/instanceTemplate.js";
import { RegionInstanceGroupManager } from "@pulumi/gcp/compute/regionInstanceGroupManager.js";
import type { Output } from "@pulumi/pulumi/output.js";
import { buildAutoscaler, START_SECONDS } from "./autoscaler.ts";
import { PUBLIC_PORT } from "./machine/environment.ts";
import { named, type Stack } from "./stack.ts";

/** The name under which groups announce the public port to the balancer. */
export const PORT_NAME = "public";

/** A regional group spreads over three zones, and a surge is one machine in each. */
const ZONES = 3;

export interface MachineGroup {
  readonly region: string;
  readonly name: Output<string>;
  readonly instanceGroup: Output<string>;
}

/** What finds machines that a restart would mend. `/health` is red for more than that, and would kill a machine that drains. */
export function buildLiveCheck(stack: Stack): HealthCheck {
  return new HealthCheck(
    "live",
    {
      name: named(stack, "live"),
      description: "Makes a machine anew on which no process answers any more",
      checkIntervalSec: 10,
      timeoutSec: 5,
      healthyThreshold: 1,
      unhealthyThreshold: 6,
      httpHealthCheck: { port: PUBLIC_PORT, requestPath: "/live" },
    },
    stack.first,
  );
}

/** The machines of one region: as many as their clients and processors ask for, made anew when they break. */
export function buildGroup(
  stack: Stack,
  region: string,
  template: InstanceTemplate,
  live: HealthCheck,
): MachineGroup {
  const group = new RegionInstanceGroupManager(
    `group-${region}`,
    {
      name: named(stack, region),
      description: `Shardcast: machines of ${region}`,
      region,
      baseInstanceName: named(stack, region),
      versions: [{ name: "current", instanceTemplate: template.selfLinkUnique }],
      namedPorts: [{ name: PORT_NAME, port: PUBLIC_PORT }],
      autoHealingPolicies: { healthCheck: live.id, initialDelaySec: START_SECONDS + 120 },
      // New machines first, one in each zone. An old one goes only when a new one is healthy, and then drains.
      updatePolicy: {
        type: "PROACTIVE",
        minimalAction: "REPLACE",
        mostDisruptiveAllowedAction: "REPLACE",
        replacementMethod: "SUBSTITUTE",
        maxSurgeFixed: ZONES,
        maxUnavailableFixed: 0,
        // Even zones are worth no client's connection.
        instanceRedistributionType: "NONE",
      },
      instanceLifecyclePolicy: { forceUpdateOnRepair: "YES" },
      // `pulumi up` ends when every machine is of the new version, and only then takes the old template away.
      waitForInstances: true,
      waitForInstancesStatus: "UPDATED",
    },
    // The autoscaler's number, not one of ours.
    { ignoreChanges: ["targetSize"], customTimeouts: { create: "20m", update: "4h", delete: "60m" } },
  );
  buildAutoscaler(stack, region, group);
  return { region, name: group.name, instanceGroup: group.instanceGroup };
}
