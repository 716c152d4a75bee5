import { FILES_RESERVED_PER_SHARD } from "@shardcast/server/supervisor/hostLimits";
import { MEASURED, TCP_HEADER_BYTES, WEBSOCKET_HEADER_BYTES } from "./measured.ts";
import { clientMemoryBytes, fixedMemoryBytes, MEMORY_SHARE_MAX } from "./memory.ts";
import type { Workload } from "./workload.ts";

/** One thing that a cluster can run out of. */
export interface Resource {
  readonly name: ResourceName;
  /** One shard's, one instance's, or the cluster's own, which more instances do not widen. */
  readonly of: "shard" | "instance" | "cluster";
  readonly used: number;
  readonly limit: number;
  readonly unit: string;
  /** `used / limit`: beyond 1 it does not hold. */
  readonly share: number;
}

export type ResourceName = "shard CPU" | "turn" | "memory" | "files" | "egress" | "bus egress" | "bus CPU";

/** How much of a limit may be used: bursts need the rest. */
const LINE_SHARE_MAX = 0.8;
const BUS_CPU_SHARE_MAX = 0.7;
const GIB = 2 ** 30;

/** What a cluster uses of each resource, the scarcest first. The formulas are those of docs/planning.md. */
export function evaluate(workload: Workload, instances: number, spareInstances = 0): readonly Resource[] {
  const shards = (instances + spareInstances) * workload.shardsPerInstance;
  const resources = [
    shardCpu(workload, instances),
    turn(workload, instances),
    memory(workload, instances),
    files(workload, instances),
    egress(workload, instances),
    ...(workload.bus === "local" ? [] : [busEgress(workload, shards), busCpu(workload, shards)]),
  ];
  return resources.sort((a, b) => b.share - a.share);
}

/** Cores that one shard is busy with: its clients, what it takes in, and the partitions that it reads. */
export function shardCores(workload: Workload, clients: number, shards: number): number {
  const { receivedPerSecond, publishedPerSecond, messagesPerWrite, partitions, bus, coreFactor } = workload;
  const isShared = bus !== "local";
  const receive = (isShared ? MEASURED.receiveSharedMicros : MEASURED.receiveLocalMicros).value;
  const publish = (isShared ? MEASURED.publishSharedMicros : MEASURED.publishLocalMicros).value;
  const delivery = MEASURED.writeMicros.value / messagesPerWrite + MEASURED.messageMicros.value;
  // The busiest shard reads one partition more than others where they do not come out even.
  const readShare = Math.ceil(partitions / shards) / partitions;
  const micros =
    clients * receivedPerSecond * delivery + publishedPerSecond * (receive + readShare * publish);
  return micros / 1e6 / coreFactor;
}

/** Bytes on the line for each message to a client. */
export function bytesPerDelivery({ payloadBytes, messagesPerWrite }: Workload): number {
  const frame = payloadBytes + MEASURED.envelopeBytes.value + WEBSOCKET_HEADER_BYTES;
  return frame + TCP_HEADER_BYTES / messagesPerWrite;
}

function shardCpu(workload: Workload, instances: number): Resource {
  const shards = instances * workload.shardsPerInstance;
  const used = shardCores(workload, workload.connections / shards, shards);
  return resource("shard CPU", "shard", used, workload.cpuTarget, "cores");
}

/** How long a shard takes to write one message, or what shares its write, to all of its clients that want it. */
function turn(workload: Workload, instances: number): Resource {
  const clients = workload.connections / (instances * workload.shardsPerInstance);
  const wanted = Math.min(1, workload.receivedPerSecond / workload.publishedPerSecond);
  const write = MEASURED.writeMicros.value + workload.messagesPerWrite * MEASURED.messageMicros.value;
  const used = (clients * wanted * write) / 1000 / workload.coreFactor;
  return resource("turn", "shard", used, workload.turnMsMax, "ms");
}

function memory(workload: Workload, instances: number): Resource {
  const used = fixedMemoryBytes(workload) + (workload.connections / instances) * clientMemoryBytes(workload);
  return resource("memory", "instance", used / GIB, workload.machine.memoryGib * MEMORY_SHARE_MAX, "GiB");
}

function files(workload: Workload, instances: number): Resource {
  const clients = workload.connections / (instances * workload.shardsPerInstance);
  const limit = Math.max(1, workload.filesPerShard - FILES_RESERVED_PER_SHARD);
  return resource("files", "shard", clients, limit, "clients");
}

function egress(workload: Workload, instances: number): Resource {
  const deliveries = (workload.connections / instances) * workload.receivedPerSecond;
  const used = (deliveries * bytesPerDelivery(workload) * 8) / 1e9;
  return resource("egress", "instance", used, workload.machine.egressGbps * LINE_SHARE_MAX, "Gbit/s");
}

/** Every shard gets everything, so the bus sends each message once for each shard. */
function busEgress(workload: Workload, shards: number): Resource {
  const bytes = workload.payloadBytes + MEASURED.envelopeBytes.value;
  const used = (workload.publishedPerSecond * shards * bytes * 8) / 1e9;
  return resource("bus egress", "cluster", used, workload.busEgressGbps * LINE_SHARE_MAX, "Gbit/s");
}

function busCpu(workload: Workload, shards: number): Resource {
  const isRedis = workload.bus === "redis";
  const micros = (isRedis ? MEASURED.redisMicros : MEASURED.natsMicros).value;
  const used = (workload.publishedPerSecond * shards * micros) / 1e6 / workload.coreFactor;
  // Redis runs commands on one core, however many its machine has.
  const cores = isRedis ? 1 : workload.machine.vcpus;
  return resource("bus CPU", "cluster", used, cores * BUS_CPU_SHARE_MAX, "cores");
}

function resource(
  name: ResourceName,
  of: Resource["of"],
  used: number,
  limit: number,
  unit: string,
): Resource {
  return { name, of, used, limit, unit, share: used / limit };
}
