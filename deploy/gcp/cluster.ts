import type { Input, Output } from "@pulumi/pulumi/output.js";
import { buildAddress, buildBalancer } from "./balancer.ts";
import { buildBuses } from "./bus.ts";
import { buildFirewall } from "./firewall.ts";
import { buildKafka } from "./kafka.ts";
import { buildLoadtest } from "./loadtest.ts";
import { buildMachines } from "./machines.ts";
import { buildMonitoring } from "./monitoring/build.ts";
import { buildNetwork } from "./network.ts";
import { buildRegistry, imageOf } from "./registry.ts";
import { enableServices } from "./services.ts";
import { portOf, type Settings } from "./settings/schema.ts";
import type { Stack } from "./stack.ts";

/** What `pulumi stack output` tells. */
export interface ClusterOutputs {
  readonly project: string;
  readonly address: Output<string>;
  readonly url: Input<string>;
  /** The image's name, to which a push adds its tag. */
  readonly registry: string;
  /** Region → name of its managed instance group. Empty until there is an image. */
  readonly groups: Readonly<Record<string, Output<string>>>;
  readonly backendService: Output<string> | null;
  /** Region and name of the group that plays clients. */
  readonly loadtest: { readonly region: string; readonly name: Output<string> } | null;
  readonly kafkaBrokers: string;
}

/** A whole cluster: everything that its settings name, in the order in which it is needed. */
export function buildCluster(settings: Settings, project: string): ClusterOutputs {
  const labels = { ...settings.labels, app: "shardcast", cluster: settings.name };
  const first = { dependsOn: enableServices(settings, project) };
  const stack: Stack = { settings, project, labels, first, kept: { ...first, protect: settings.protect } };

  const network = buildNetwork(stack);
  buildFirewall(stack, network.network);
  const registry = buildRegistry(stack);
  const address = buildAddress(stack);
  const buses = buildBuses(stack, network);
  const kafka = buildKafka(stack, network);

  const image = imageOf(settings, registry);
  const groups = image === undefined ? [] : buildMachines(stack, image, { network, buses, kafka });
  const backendService = image === undefined ? undefined : buildBalancer(stack, address, groups);
  if (backendService !== undefined) buildMonitoring(stack, address);
  return {
    project,
    address: address.address,
    url: urlOf(settings, address.address),
    registry: registry.path,
    groups: Object.fromEntries(groups.map(({ region, name }) => [region, name])),
    backendService: backendService?.name ?? null,
    loadtest: image === undefined ? null : buildLoadtest(stack, network, image),
    kafkaBrokers: kafka?.brokers ?? (settings.kafka.kind === "given" ? settings.kafka.brokers.join(",") : ""),
  };
}

function urlOf(settings: Settings, address: Output<string>): Input<string> {
  const [domain] = settings.domains;
  if (domain !== undefined) return `wss://${domain}/ws`;
  return address.apply((ip) => `ws://${ip}:${portOf(settings)}/ws`);
}
