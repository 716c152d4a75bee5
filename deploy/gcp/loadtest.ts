import { RegionInstanceGroupManager } from "@pulumi/gcp/compute/regionInstanceGroupManager.js";
import type { Output } from "@pulumi/pulumi/output.js";
import { buildLoadtestAccount } from "./accounts.ts";
import { LOADTEST_TAG } from "./firewall.ts";
import { loadtestCloudConfig } from "./machine/cloudConfig.ts";
import type { ClusterNetwork } from "./network.ts";
import { type Image, letRead } from "./registry.ts";
import { named, regionsOf, type Stack } from "./stack.ts";
import { buildTemplate } from "./template.ts";

export interface LoadtestGroup {
  readonly region: string;
  readonly name: Output<string>;
}

/**
 * Machines that play clients. Each has an address of its own: behind one NAT they would share its ports, of which an address has
 * 64,000 towards the balancer. Null where there are none.
 */
export function buildLoadtest(stack: Stack, { subnets }: ClusterNetwork, image: Image): LoadtestGroup | null {
  const { loadtestMachines, loadtestMachineType, loadtestRegion } = stack.settings;
  if (loadtestMachines === 0) return null;
  const [[first] = [""]] = regionsOf(stack);
  const region = loadtestRegion ?? first;
  const subnet = subnets.get(region);
  if (subnet === undefined) return null;
  const account = buildLoadtestAccount(stack);
  const template = buildTemplate(stack, "loadtest-template", {
    description: "Shardcast: plays clients",
    namePrefix: named(stack, "loadtest-"),
    region,
    subnet: subnet.id,
    tag: LOADTEST_TAG,
    account,
    machineType: loadtestMachineType,
    userData: loadtestCloudConfig(image.name),
    hasExternalAddress: true,
    dependsOn: image.repository === undefined ? [] : [letRead("loadtest", image.repository, account)],
  });
  const group = new RegionInstanceGroupManager("loadtest", {
    name: named(stack, "loadtest"),
    description: "Shardcast: machines that play clients",
    region,
    baseInstanceName: named(stack, "loadtest"),
    versions: [{ name: "current", instanceTemplate: template.selfLinkUnique }],
    targetSize: loadtestMachines,
    updatePolicy: {
      type: "OPPORTUNISTIC",
      minimalAction: "REPLACE",
      maxSurgeFixed: 3,
      maxUnavailableFixed: 0,
      instanceRedistributionType: "NONE",
    },
    waitForInstances: false,
  });
  return { region, name: group.name };
}
