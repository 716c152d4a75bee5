import type { Machine } from "./machines.ts";

/** What is asked of a cluster, and what it runs on. */
export interface Workload {
  readonly connections: number;
  /** That each client gets. */
  readonly receivedPerSecond: number;
  /** That Kafka brings, over all channels. */
  readonly publishedPerSecond: number;
  readonly payloadBytes: number;
  /** Messages to one client that share a write. */
  readonly messagesPerWrite: number;
  readonly bus: "local" | "redis" | "nats";
  /** What the bus' machine may send. */
  readonly busEgressGbps: number;
  readonly partitions: number;
  readonly machine: Machine;
  readonly shardsPerInstance: number;
  /** Of one shard's process. */
  readonly filesPerShard: number;
  /** How fast a core is, beside one of the machine that the figures are from. */
  readonly coreFactor: number;
  /** How much of a core a shard may be busy in the long run. */
  readonly cpuTarget: number;
  /** How long it may take a shard to write to all of its clients. */
  readonly turnMsMax: number;
  /** Of the clients, that read nothing. */
  readonly stalledShare: number;
  /** What each of these pins: the kernel's send buffer and the shard's own. */
  readonly stalledBytes: number;
  /** Histories of all shards, and the embedded log. */
  readonly historyBytesPerShard: number;
  readonly embeddedLogBytes: number;
}
