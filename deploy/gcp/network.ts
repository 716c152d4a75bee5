import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import { Network } from "@pulumi/gcp/compute/network.js";
import { Router } from "@pulumi/gcp/compute/router.js";
import { RouterNat } from "@pulumi/gcp/compute/routerNat.js";
import { Subnetwork } from "@pulumi/gcp/compute/subnetwork.js";
import { Connection } from "@pulumi/gcp/servicenetworking/connection.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import { named, regionsOf, type Stack } from "./stack.ts";

export interface ClusterNetwork {
  readonly network: Network;
  readonly subnets: ReadonlyMap<string, Subnetwork>;
  /** What the bus waits for: a way to Google's own network, where Memorystore stands. */
  readonly services: readonly Resource[];
}

/** One network for all regions, with a subnet in each. No machine of the cluster has an address that the internet reaches. */
export function buildNetwork(stack: Stack): ClusterNetwork {
  const network = new Network(
    "network",
    {
      name: named(stack),
      description: "Shardcast: machines, bus and Kafka of all regions",
      autoCreateSubnetworks: false,
      routingMode: "GLOBAL",
    },
    stack.first,
  );
  const subnets = new Map<string, Subnetwork>();
  for (const [region, { cidr }] of regionsOf(stack)) {
    subnets.set(
      region,
      new Subnetwork(`subnet-${region}`, {
        name: named(stack, region),
        network: network.id,
        region,
        ipCidrRange: cidr,
        // Registry, secrets and monitoring are reached without any address of the internet.
        privateIpGoogleAccess: true,
      }),
    );
    if (isNatWanted(stack)) buildNat(stack, region, network);
  }
  return { network, subnets, services: buildServiceAccess(stack, network) };
}

function isNatWanted({ settings: { nat, kafka, bus, settings } }: Stack): boolean {
  return nat ?? (kafka.kind === "given" || bus.kind === "given" || settings["jwt-jwks-url"] !== undefined);
}

function buildNat(stack: Stack, region: string, network: Network): void {
  const router = new Router(`router-${region}`, { name: named(stack, region), region, network: network.id });
  new RouterNat(`nat-${region}`, {
    name: named(stack, region),
    router: router.name,
    region,
    natIpAllocateOption: "AUTO_ONLY",
    sourceSubnetworkIpRangesToNat: "ALL_SUBNETWORKS_ALL_IP_RANGES",
    logConfig: { enable: true, filter: "ERRORS_ONLY" },
  });
}

function buildServiceAccess(stack: Stack, network: Network): Resource[] {
  if (stack.settings.bus.kind !== "memorystore") return [];
  const range = new GlobalAddress("services-range", {
    name: named(stack, "services"),
    description: "Addresses of Memorystore",
    purpose: "VPC_PEERING",
    addressType: "INTERNAL",
    prefixLength: 20,
    network: network.id,
    labels: stack.labels,
  });
  const connection = new Connection("services", {
    network: network.id,
    service: "servicenetworking.googleapis.com",
    reservedPeeringRanges: [range.name],
    // Deleting it fails while Google still clears up a Redis that is gone: leaving it to the network's end does not.
    deletionPolicy: "ABANDON",
  });
  return [connection];
}
