import { networkFault } from "../gateway/networks.ts";
import { bytes, flag, integer, integerOrAuto, list } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** Who is let in, how fast, and when nobody is. */
export const ADMISSION_SETTINGS = {
  maxConnectionsPerShard: {
    name: "max-connections-per-shard",
    kind: integerOrAuto(1, 10_000_000),
    group: "admission",
    doc: "Clients of one shard, however uneven the kernel spreads them. `auto` is what its limit of open files lets it hold.",
    default: "auto",
  },
  maxInstanceSubscriptions: {
    name: "max-instance-subscriptions",
    kind: integerOrAuto(1, 1_000_000_000),
    group: "admission",
    doc: "Subscriptions of all clients of the whole instance. `auto` is 100 for each client that it may hold. More are refused with `subscriptions_full`.",
    default: "auto",
  },
  maxAcceptsPerSecond: {
    name: "max-accepts-per-second",
    kind: integerOrAuto(1, 100_000),
    group: "admission",
    doc: "Clients that the whole instance lets in within any one second. `auto` is 2000 for each shard. Each shard has an equal share, so at least one for each is needed. More are answered 503.",
    default: "auto",
  },
  maxAcceptsPerSecondPerAddress: {
    name: "max-accepts-per-second-per-address",
    kind: integerOrAuto(0, 100_000),
    group: "admission",
    doc: "Clients that are let in per second from one address (IPv6: one /64), over all shards. `auto` is 100, and no limit for private addresses, which are balancers as a rule. 0 is no limit. More are answered 429.",
    default: "auto",
  },
  trustedProxies: {
    name: "trusted-proxies",
    kind: list(
      "addresses and networks such as 10.0.0.0/8, separated by commas",
      networkFault,
      "<cidr,…>",
      256,
    ),
    group: "admission",
    doc: "Proxies whose `X-Forwarded-For` is believed: it is read from the right, up to the first address that is none of these.",
    derived: "a client's address is its socket's",
  },
  hiddenAddresses: {
    name: "hidden-addresses",
    kind: flag(),
    group: "admission",
    doc: "A proxy that passes TCP on stands in front, so that all clients seem to have its address. Limits per address are off then.",
    default: false,
  },
  maxFrameAgeMs: {
    name: "max-frame-age-ms",
    kind: integer(100, 600_000),
    group: "admission",
    doc: "Age of the oldest frame that a busy shard has not delivered, at which the instance counts as saturated: nobody new is let in until it has stayed below a quarter of that for 10 s.",
    default: 2000,
  },
  maxMemoryBytes: {
    name: "max-memory-bytes",
    kind: bytes(2 ** 20, 2 ** 44),
    group: "admission",
    doc: "Memory that all processes of this instance may take together. What limits its cgroup (v1, v2) is found by itself and counts beside it.",
    derived: "all of the machine's",
  },
  memoryHighPercent: {
    name: "memory-high-percent",
    kind: integer(1, 100),
    group: "admission",
    doc: "Share of the memory that may be taken, or of the cgroup's limit, from which on nobody new is let in. Clients that are connected stay.",
    default: 90,
  },
  memoryLowPercent: {
    name: "memory-low-percent",
    kind: integer(0, 99),
    group: "admission",
    doc: "Share below which new clients are let in again.",
    default: 80,
  },
} as const satisfies Record<string, Setting>;
