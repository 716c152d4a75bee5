import { FILES_RESERVED_PER_SHARD } from "../supervisor/hostLimits.ts";
import type { Machine } from "./environment.ts";
import type { SettingValues } from "./setting.ts";
import type { SETTINGS } from "./settings.ts";

export type GivenValues = SettingValues<typeof SETTINGS>;

/** The values with everything filled in that is derived from others or from the machine. */
export interface ResolvedValues
  extends Omit<GivenValues, "shards" | "maxConnections" | "maxAcceptsPerSecond"> {
  readonly instance: string;
  readonly shards: number;
  readonly maxConnections: number;
  readonly maxAcceptsPerSecond: number;
  readonly logFormat: "json" | "pretty";
  readonly kafkaGroup: string | undefined;
}

const INSTANCE_LENGTH_MAX = 63;
export const CONNECTIONS_AUTO_MAX = 50_000;
/** One core does more, but then has little time left for the clients that it has. */
const ACCEPTS_PER_SHARD_AUTO = 2000;

export function resolveValues(given: GivenValues, machine: Machine): ResolvedValues {
  const shards = given.shards === "auto" ? Math.min(256, Math.max(1, machine.cores - 1)) : given.shards;
  return {
    ...given,
    instance: given.instance ?? instanceId(given.port, machine),
    shards,
    maxConnections:
      given.maxConnections === "auto" ? connectionsThatFit(shards, machine) : given.maxConnections,
    maxAcceptsPerSecond:
      given.maxAcceptsPerSecond === "auto" ? shards * ACCEPTS_PER_SHARD_AUTO : given.maxAcceptsPerSecond,
    logFormat: given.logFormat ?? (machine.isTerminal ? "pretty" : "json"),
    // Prefix and region are in it, so that two clusters, or two regions, never share a group by accident.
    kafkaGroup: given.kafkaBrokers && (given.kafkaGroup ?? `${given.busPrefix}.${reachOfBus(given)}`),
  };
}

/** All who read one bus must read Kafka as one group, or each record is published there once for each group. */
function reachOfBus({ busScope, region }: GivenValues): string {
  return busScope === "global" ? "global" : region;
}

/** At least one, so that a limit that holds none is refused at start and told, not rounded away. */
function connectionsThatFit(shards: number, { openFilesMax }: Machine): number {
  const held = shards * (openFilesMax - FILES_RESERVED_PER_SHARD);
  return Math.min(CONNECTIONS_AUTO_MAX, Math.max(1, held));
}

/** The port is in it because a machine may run several instances; port 0 says nothing yet, the process id does. */
function instanceId(port: number, { hostname, processId }: Machine): string {
  const end = port === 0 ? `-p${processId}` : `-${port}`;
  const name = (hostname.split(".", 1)[0] ?? "").replaceAll(/[^A-Za-z0-9_-]/g, "-").replace(/^[-_]+/, "");
  return (name || "instance").slice(0, INSTANCE_LENGTH_MAX - end.length) + end;
}
