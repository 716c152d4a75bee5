import type { Config } from "../config/shape.ts";
import type { HealthCheck } from "../health.ts";

type AddressSettings = Pick<Config["admission"], "addresses" | "acceptsPerSecondPerAddress">;

/** Says whose address a client's is taken to be, because where it is hidden the limits per address are off. */
export function addressesCheck({ addresses, acceptsPerSecondPerAddress }: AddressSettings): HealthCheck {
  if (addresses.hidden) {
    const message = "a proxy in front hides clients' addresses: the limits per address are off";
    return { status: "ok", value: "hidden", limit: "none", message };
  }
  const value = addresses.trustedProxies.length > 0 ? "forwarded" : "socket";
  if (acceptsPerSecondPerAddress === 0) return { status: "ok", value, limit: "none" };
  if (acceptsPerSecondPerAddress !== "auto") {
    return { status: "ok", value, limit: `${acceptsPerSecondPerAddress}/s` };
  }
  const message = "private addresses, such as a balancer's, are not limited";
  return { status: "ok", value, limit: "auto", message };
}
