import { Firewall } from "@pulumi/gcp/compute/firewall.js";
import type { Network } from "@pulumi/gcp/compute/network.js";
import { ADMIN_PORT, PUBLIC_PORT } from "./machine/environment.ts";
import { named, type Stack } from "./stack.ts";

/** Google's health checks come from these ranges, and so does what its global proxies pass on. */
export const GOOGLE_FRONT_ENDS = ["35.191.0.0/16", "130.211.0.0/22"];
/** Identity-Aware Proxy: SSH only for whom the project's IAM lets in. */
export const IDENTITY_AWARE_PROXY = ["35.235.240.0/20"];

/** Tags of machines: those that serve, and those that play clients. */
export const MACHINE_TAG = "shardcast";
export const LOADTEST_TAG = "shardcast-loadtest";

/** What may reach machines. The network lets in nothing else. */
export function buildFirewall(stack: Stack, network: Network): void {
  const allow = (
    name: string,
    description: string,
    port: number,
    sourceRanges: readonly string[],
    tags: readonly string[],
  ) =>
    new Firewall(`allow-${name}`, {
      name: named(stack, "allow", name),
      description,
      network: network.id,
      direction: "INGRESS",
      priority: 1000,
      allows: [{ protocol: "tcp", ports: [String(port)] }],
      sourceRanges: [...sourceRanges],
      targetTags: [...tags],
    });
  allow("balancer", "Clients by way of the balancer, and its health checks", PUBLIC_PORT, GOOGLE_FRONT_ENDS, [
    MACHINE_TAG,
  ]);
  allow("ssh", "SSH by way of Identity-Aware Proxy", 22, IDENTITY_AWARE_PROXY, [MACHINE_TAG, LOADTEST_TAG]);
  const { adminRanges } = stack.settings;
  if (adminRanges.length > 0)
    allow("admin", "The admin port, which asks for API keys", ADMIN_PORT, adminRanges, [MACHINE_TAG]);
}
