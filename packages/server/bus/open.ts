import type { ReconnectableBus } from "./bus.ts";
import { LocalBroadcastBus } from "./local.ts";

// A process loads only the driver that it needs: each takes 8 to 15 MB.
const redisDriver = () => require("./redis.ts") as typeof import("./redis.ts");
const natsDriver = () => require("./nats.ts") as typeof import("./nats.ts");

export interface BusConfig {
  readonly url: string;
  /** Begins every name on the bus. */
  readonly prefix: string;
  /** PEM. */
  readonly ca?: string;
  /** Redis only. */
  readonly tlsAnyName?: boolean;
  /** These go before what the URL says. */
  readonly username?: string;
  readonly password?: string;
  /** NATS only. */
  readonly token?: string;
  readonly natsCredentials?: string;
}

/** What travels: publications of streams, announcements of instances, or what those keep in their memories. */
export type BusTraffic = "frames" | "cluster" | "log";

/**
 * The bus that the configuration names. Only this file and tests know the drivers. `onProblem` is told why a bus is not
 * connected, where its driver can say so.
 */
export function openBus(
  config: BusConfig,
  localPath: string,
  traffic: BusTraffic,
  onProblem: (problem: string) => void = () => {},
): ReconnectableBus {
  if (config.url === "local:") return new LocalBroadcastBus({ path: localPath });
  if (/^rediss?[:+]/.test(config.url)) {
    const { url, prefix, ca, tlsAnyName, username, password } = config;
    const { RedisBroadcastBus } = redisDriver();
    const channel = `${prefix}.${traffic}`;
    return new RedisBroadcastBus({ url, channel, ca, tlsAnyName, username, password, onProblem });
  }
  if (/^(?:nats|tls):/.test(config.url)) {
    const { url, prefix, ca, username, password, token, natsCredentials: credentials } = config;
    const login = { username, password, token, credentials };
    const { NatsBroadcastBus } = natsDriver();
    return new NatsBroadcastBus({ url, subject: `${prefix}.${traffic}`, ca, ...login, onProblem });
  }
  throw new Error(`no driver for the bus ${config.url.split(":", 1)[0]}:`);
}
