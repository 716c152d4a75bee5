import type { ResourceName } from "./evaluate.ts";

/** What to do about each resource, once it is the scarcest. */
export const ADVICE: Readonly<Record<ResourceName, string>> = {
  "shard CPU":
    "more instances or faster cores; more messages for each write (--messages-per-write) make each cheaper",
  turn: "more shards, so that each has fewer clients, or a longer --turn-ms: the last client of a shard waits that long",
  memory:
    "machines with more memory, less history (--history-bytes), or a smaller tcp_wmem for clients that stall",
  files: "raise ulimit -n (LimitNOFILE); shardcast doctor tells what holds it down",
  egress: "more instances, or machines that may send more",
  "bus egress": "fewer, larger instances, since each shard gets everything, or a bus that may send more",
  "bus CPU": "fewer, larger instances; NATS uses all of its cores, Redis one",
};
