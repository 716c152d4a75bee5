import { bytes, choice, decimal, flag, integer, path } from "@shardcast/server/config/kinds";
import type { Setting, SettingValues } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { SHARD_CPU_SHARE } from "./comfort.ts";
import { MACHINES } from "./machines.ts";
import type { Workload } from "./workload.ts";

const own = { group: "command", where: "flag" } as const;

/** The load and the machines, for a plan and for a day. */
export const LOAD_SETTINGS = {
  connections: {
    ...own,
    name: "connections",
    alsoCalled: ["clients"],
    kind: integer(1, 100_000_000),
    doc: "Clients at once, at the peak.",
    default: 12_000,
  },
  receivedPerSecond: {
    ...own,
    name: "received-per-second",
    kind: decimal(0.001, 100_000),
    doc: "Messages that each client gets a second.",
    default: 10,
  },
  publishedPerSecond: {
    ...own,
    name: "published-per-second",
    kind: decimal(0.001, 10_000_000),
    doc: "Records that Kafka brings a second, over all channels.",
    derived: "as many as each client gets",
  },
  payloadBytes: {
    ...own,
    name: "payload-bytes",
    kind: integer(1, 16_000_000),
    doc: "Size of a message's data.",
    default: 300,
  },
  messagesPerWrite: {
    ...own,
    name: "messages-per-write",
    kind: decimal(1, 32),
    doc: "Messages to one client that leave together, because they came together. 1 is the most expensive.",
    default: 1,
  },
  bus: {
    ...own,
    name: "bus",
    kind: choice(["local", "redis", "nats"]),
    doc: "What joins the instances; local holds one.",
    default: "redis",
  },
  busEgressGbps: {
    ...own,
    name: "bus-egress-gbps",
    kind: decimal(0.01, 1000),
    doc: "What the machine of the bus may send.",
    derived: "as much as an instance's",
  },
  partitions: {
    ...own,
    name: "partitions",
    kind: integer(1, 100_000),
    doc: "Partitions in Kafka, over all topics.",
    default: 12,
  },
  machine: {
    ...own,
    name: "machine",
    kind: choice(MACHINES.map(({ name }) => name)),
    doc: "Machine type of an instance. The three flags that follow stand above it.",
    default: "e2-standard-4",
  },
  vcpus: { ...own, name: "vcpus", kind: integer(1, 1024), doc: "Cores of an instance." },
  memoryGib: { ...own, name: "memory-gib", kind: decimal(0.5, 100_000), doc: "Memory of an instance." },
  egressGbps: {
    ...own,
    name: "egress-gbps",
    kind: decimal(0.01, 1000),
    doc: "What an instance may send.",
  },
  coreFactor: {
    ...own,
    name: "core-factor",
    kind: decimal(0.05, 20),
    doc: "How fast a core is beside one of the machine that the figures are from. npm run bench on both tells.",
    default: 1,
  },
  shardsPerInstance: {
    ...own,
    name: "shards-per-instance",
    kind: integer(1, 1024),
    doc: "Shards of an instance.",
    derived: "one for each core but one",
  },
  cpuTarget: {
    ...own,
    name: "cpu-target",
    kind: decimal(0.05, 1),
    doc: "How much of a core a shard may be busy in the long run.",
    default: SHARD_CPU_SHARE,
  },
  turnMs: {
    ...own,
    name: "turn-ms",
    kind: decimal(1, 60_000),
    doc: "How long a shard may take to write one message to all of its clients: the last one waits that long.",
    default: 250,
  },
  files: {
    ...own,
    name: "files",
    kind: integer(257, 100_000_000),
    doc: "Files that a shard's process may open (ulimit -n).",
    default: 65_536,
  },
  stalledShare: {
    ...own,
    name: "stalled-share",
    kind: decimal(0, 1),
    doc: "Share of clients that read nothing for a while, and pin what waits for them.",
    default: 0.01,
  },
  sendBufferBytes: {
    ...own,
    name: "send-buffer-bytes",
    kind: bytes(4096, 2 ** 30),
    doc: "The most that the kernel keeps for a client that reads nothing: the last figure of net.ipv4.tcp_wmem.",
    default: 2 ** 20,
  },
  historyBytes: {
    ...own,
    name: "history-bytes",
    kind: SETTINGS.historyBytes.kind,
    doc: SETTINGS.historyBytes.doc,
    default: SETTINGS.historyBytes.default,
  },
  json: { ...own, name: "json", kind: flag(), doc: "Print JSON.", default: false },
} as const satisfies Record<string, Setting>;

export const PLAN_SETTINGS = {
  ...LOAD_SETTINGS,
  instances: {
    ...own,
    name: "instances",
    kind: integer(1, 1000),
    doc: "So many, without the spare ones, and what that holds.",
    derived: "the fewest that hold the load",
  },
  spareInstances: {
    ...own,
    name: "spare-instances",
    kind: integer(0, 1000),
    doc: "Instances that may be lost while everything still holds.",
    derived: "1, and 0 with --bus local",
  },
  prices: {
    ...own,
    name: "prices",
    kind: path(),
    doc: "YAML file with prices and their date, for the cost. docs/planning.md shows one.",
  },
  averageShare: {
    ...own,
    name: "average-share",
    kind: decimal(0.001, 1),
    doc: "The average traffic over a month beside the peak, for the cost of egress.",
    default: 1,
  },
} as const satisfies Record<string, Setting>;

export type PlanValues = SettingValues<typeof PLAN_SETTINGS>;

export function workloadOf(values: SettingValues<typeof LOAD_SETTINGS>): Workload {
  const found = MACHINES.find(({ name }) => name === values.machine);
  if (found === undefined) throw new Error(`no machine type ${values.machine}`);
  const machine = {
    name: found.name,
    vcpus: values.vcpus ?? found.vcpus,
    memoryGib: values.memoryGib ?? found.memoryGib,
    egressGbps: values.egressGbps ?? found.egressGbps,
  };
  return {
    connections: values.connections,
    receivedPerSecond: values.receivedPerSecond,
    publishedPerSecond: values.publishedPerSecond ?? values.receivedPerSecond,
    payloadBytes: values.payloadBytes,
    messagesPerWrite: values.messagesPerWrite,
    bus: values.bus,
    busEgressGbps: values.busEgressGbps ?? machine.egressGbps,
    partitions: values.partitions,
    machine,
    shardsPerInstance: values.shardsPerInstance ?? Math.max(1, machine.vcpus - 1),
    filesPerShard: values.files,
    coreFactor: values.coreFactor,
    cpuTarget: values.cpuTarget,
    turnMsMax: values.turnMs,
    stalledShare: values.stalledShare,
    stalledBytes: values.sendBufferBytes + SETTINGS.backpressureBytes.default,
    historyBytesPerShard: values.historyBytes,
    embeddedLogBytes: SETTINGS.embeddedLogBytes.default,
  };
}
