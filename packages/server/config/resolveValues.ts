import { FILES_RESERVED_PER_SHARD } from "../supervisor/hostLimits.ts";
import type { Machine } from "./environment.ts";
import type { SettingValues } from "./setting.ts";
import type { SETTINGS } from "./settings.ts";

export type GivenValues = SettingValues<typeof SETTINGS>;

/** The values with everything filled in that is derived from others or from the machine. */
/** What can be `auto`, and is a number then. */
type Automatic =
  | "shards"
  | "maxConnections"
  | "maxConnectionsPerShard"
  | "maxInstanceSubscriptions"
  | "maxAcceptsPerSecond"
  | "drainClientsPerSecond"
  | "rebalanceClientsPerSecond";

export interface ResolvedValues extends Omit<GivenValues, Automatic>, Readonly<Record<Automatic, number>> {
  readonly instance: string;
  readonly logFormat: "json" | "pretty";
  readonly kafkaGroup: string | undefined;
}

const INSTANCE_LENGTH_MAX = 63;
export const CONNECTIONS_AUTO_MAX = 50_000;
/** Where the machine sets no limit. */
const CONNECTIONS_MAX = 10_000_000;
const SUBSCRIPTIONS_PER_CLIENT_AUTO = 100;
/** One core does more, but then has little time left for the clients that it has. */
const ACCEPTS_PER_SHARD_AUTO = 2000;
const DRAIN_PER_SECOND_AUTO_MAX = 500;
const REBALANCE_PER_SECOND_AUTO_MAX = 100;

export function resolveValues(given: GivenValues, machine: Machine): ResolvedValues {
  const shards = numberOr(given.shards, () => Math.min(256, Math.max(1, machine.cores - 1)));
  const maxConnectionsPerShard = numberOr(given.maxConnectionsPerShard, () => clientsOfOneShard(machine));
  const maxConnections = numberOr(given.maxConnections, () =>
    Math.min(CONNECTIONS_AUTO_MAX, shards * maxConnectionsPerShard),
  );
  const maxAcceptsPerSecond = numberOr(given.maxAcceptsPerSecond, () => shards * ACCEPTS_PER_SHARD_AUTO);
  const halfUpTo = (max: number) => Math.max(1, Math.min(max, Math.floor(maxAcceptsPerSecond / 2)));
  return {
    ...given,
    instance: given.instance ?? instanceId(given.port, machine),
    shards,
    maxConnections,
    maxConnectionsPerShard,
    maxInstanceSubscriptions: numberOr(
      given.maxInstanceSubscriptions,
      () => maxConnections * SUBSCRIPTIONS_PER_CLIENT_AUTO,
    ),
    maxAcceptsPerSecond,
    drainClientsPerSecond: numberOr(given.drainClientsPerSecond, () => halfUpTo(DRAIN_PER_SECOND_AUTO_MAX)),
    rebalanceClientsPerSecond: numberOr(given.rebalanceClientsPerSecond, () =>
      halfUpTo(REBALANCE_PER_SECOND_AUTO_MAX),
    ),
    logFormat: given.logFormat ?? (machine.isTerminal ? "pretty" : "json"),
    // Prefix and region are in it, so that two clusters, or two regions, never share a group by accident.
    kafkaGroup: given.kafkaBrokers && (given.kafkaGroup ?? `${given.busPrefix}.${reachOfBus(given)}`),
  };
}

/** All who read one bus must read Kafka as one group, or each record is published there once for each group. */
function reachOfBus({ busScope, region }: GivenValues): string {
  return busScope === "global" ? "global" : region;
}

function numberOr(given: number | "auto", derive: () => number): number {
  return given === "auto" ? derive() : given;
}

/** At least one, so that a limit that holds none is refused at start and told, not rounded away. */
function clientsOfOneShard({ openFilesMax }: Machine): number {
  return Math.min(CONNECTIONS_MAX, Math.max(1, openFilesMax - FILES_RESERVED_PER_SHARD));
}

/** The port is in it because a machine may run several instances; port 0 says nothing yet, the process id does. */
function instanceId(port: number, { hostname, processId }: Machine): string {
  const end = port === 0 ? `-p${processId}` : `-${port}`;
  const name = (hostname.split(".", 1)[0] ?? "").replaceAll(/[^A-Za-z0-9_-]/g, "-").replace(/^[-_]+/, "");
  return (name || "instance").slice(0, INSTANCE_LENGTH_MAX - end.length) + end;
}
