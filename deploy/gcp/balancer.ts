import { BackendService } from "@pulumi/gcp/compute/backendService.js";
import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import { GlobalForwardingRule } from "@pulumi/gcp/compute/globalForwardingRule.js";
import { HealthCheck } from "@pulumi/gcp/compute/healthCheck.js";
import { ManagedSslCertificate } from "@pulumi/gcp/compute/managedSslCertificate.js";
import { SSLPolicy } from "@pulumi/gcp/compute/sslpolicy.js";
import { TargetSSLProxy } from "@pulumi/gcp/compute/targetSSLProxy.js";
import { TargetTCPProxy } from "@pulumi/gcp/compute/targetTCPProxy.js";
import type { Output } from "@pulumi/pulumi/output.js";
import { type MachineGroup, PORT_NAME } from "./group.ts";
import { HEALTH_CHECK_FAILURES, HEALTH_CHECK_SECONDS, PUBLIC_PORT } from "./machine/environment.ts";
import { portOf } from "./settings/schema.ts";
import { named, type Stack } from "./stack.ts";

/** The watch needs up to 10 s to see that its machine is to go, and a client that was sent away as long to be elsewhere. */
const DRAIN_MARGIN_SECONDS = 60;

/** The address is there before everything else, so that its DNS name can be made while the rest is built. */
export function buildAddress(stack: Stack): GlobalAddress {
  return new GlobalAddress(
    "address",
    {
      name: named(stack),
      description: "Shardcast: where clients connect",
      addressType: "EXTERNAL",
      ipVersion: "IPV4",
      labels: stack.labels,
    },
    stack.kept,
  );
}

/**
 * The global external proxy Network Load Balancer: one address, which Google announces everywhere; a client's TCP or TLS ends
 * near it and goes on to the nearest region that has room. It passes bytes, so WebSockets need nothing of it.
 */
export function buildBalancer(
  stack: Stack,
  address: GlobalAddress,
  groups: readonly MachineGroup[],
): BackendService {
  const { clientsPerMachine, idleSeconds, drainSeconds } = stack.settings;
  const health = new HealthCheck(
    "health",
    {
      name: named(stack, "health"),
      description: "Takes out a machine that starts, drains, is full or is cut off; its clients stay",
      checkIntervalSec: HEALTH_CHECK_SECONDS,
      timeoutSec: 3,
      healthyThreshold: 2,
      unhealthyThreshold: HEALTH_CHECK_FAILURES,
      httpHealthCheck: { port: PUBLIC_PORT, requestPath: "/health" },
    },
    stack.first,
  );
  const backendService = new BackendService("backend", {
    name: named(stack),
    description: "Shardcast: the machines of all regions",
    loadBalancingScheme: "EXTERNAL_MANAGED",
    protocol: "TCP",
    portName: PORT_NAME,
    healthChecks: health.id,
    // A connection on which nothing passes for this long; Shardcast pings every 25 s.
    timeoutSec: idleSeconds,
    connectionDrainingTimeoutSec: Math.min(3600, drainSeconds + DRAIN_MARGIN_SECONDS),
    sessionAffinity: "NONE",
    backends: groups.map(({ instanceGroup }) => ({
      group: instanceGroup,
      balancingMode: "CONNECTION",
      maxConnectionsPerInstance: clientsPerMachine,
      capacityScaler: 1,
    })),
  });
  new GlobalForwardingRule("entry", {
    name: named(stack),
    description: "Shardcast: clients",
    loadBalancingScheme: "EXTERNAL_MANAGED",
    ipProtocol: "TCP",
    ipAddress: address.id,
    portRange: String(portOf(stack.settings)),
    target: buildProxy(stack, backendService),
    labels: stack.labels,
  });
  return backendService;
}

/** Without a PROXY header: Bun can not read one, so that it would end every handshake. */
function buildProxy(stack: Stack, backendService: BackendService): Output<string> {
  const { domains } = stack.settings;
  if (domains.length === 0)
    return new TargetTCPProxy("proxy", {
      name: named(stack, "tcp"),
      backendService: backendService.id,
      proxyHeader: "NONE",
    }).id;
  const policy = new SSLPolicy(
    "tls",
    { name: named(stack), profile: "MODERN", minTlsVersion: "TLS_1_2" },
    stack.first,
  );
  // Named by Pulumi: a certificate can not be changed, so that one for other domains stands beside it until it is in use.
  const certificate = new ManagedSslCertificate(
    "certificate",
    { managed: { domains: [...domains] } },
    stack.first,
  );
  return new TargetSSLProxy("proxy", {
    name: named(stack, "tls"),
    backendService: backendService.id,
    sslCertificates: [certificate.id],
    sslPolicy: policy.id,
    proxyHeader: "NONE",
  }).id;
}
