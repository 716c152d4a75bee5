import { Instance } from "@pulumi/gcp/redis/instance.js";
import { interpolate, type Output, output } from "@pulumi/pulumi/output.js";
import { busPasswordSecret } from "./machine/environment.ts";
import type { ClusterNetwork } from "./network.ts";
import { keepSecret, type MadeSecret } from "./secrets.ts";
import { named, regionsOf, type Stack } from "./stack.ts";

export interface RegionBus {
  readonly url: Output<string>;
  /** PEM of the authorities that sign for this one server. */
  readonly authorities: Output<string>;
  readonly password: MadeSecret;
}

/** One Memorystore for each region. It holds nothing: a Redis that is made anew loses no message. */
export function buildBuses(
  stack: Stack,
  { network, services }: ClusterNetwork,
): ReadonlyMap<string, RegionBus> {
  const { bus } = stack.settings;
  if (bus.kind !== "memorystore") return new Map();
  return new Map(
    regionsOf(stack).map(([region]) => {
      const redis = new Instance(
        `bus-${region}`,
        {
          name: named(stack, region),
          displayName: `Shardcast: bus of ${region}`,
          region,
          tier: "STANDARD_HA",
          memorySizeGb: bus.sizeGb,
          redisVersion: bus.version,
          connectMode: "PRIVATE_SERVICE_ACCESS",
          authorizedNetwork: network.id,
          authEnabled: true,
          transitEncryptionMode: "SERVER_AUTHENTICATION",
          redisConfigs: { "maxmemory-policy": "noeviction" },
          maintenancePolicy: {
            weeklyMaintenanceWindows: [
              { day: "SUNDAY", startTime: { hours: 3, minutes: 0, seconds: 0, nanos: 0 } },
            ],
          },
          // Nothing is lost with it, but every client of the region waits for Kafka until there is another.
          deletionProtection: stack.settings.protect,
          labels: stack.labels,
        },
        { dependsOn: [...services], ...(stack.settings.protect && { protect: true }) },
      );
      const authorities = redis.serverCaCerts.apply((certificates) =>
        certificates.map(({ cert }) => cert).join("\n"),
      );
      const secretId = busPasswordSecret(stack.settings, region);
      const password = keepSecret(stack, `bus-password-${region}`, secretId, redis.authString);
      return [
        region,
        {
          url: interpolate`rediss://${redis.host}:${redis.port}`,
          authorities: output(authorities),
          password,
        },
      ];
    }),
  );
}
