import { flag, integer, integerOrAuto } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** How an instance sends clients elsewhere: all of them when it ends, some when it holds more than its share. */
export const DEPARTURE_SETTINGS = {
  drainWaitMs: {
    name: "drain-wait-ms",
    kind: integer(0, 600_000),
    group: "departures",
    doc: "How long an instance that is to end goes on taking clients after its health turned red: what the load balancer needs to notice. SIGINT leaves it out.",
    default: 5_000,
  },
  drainClientsPerSecond: {
    name: "drain-clients-per-second",
    kind: integerOrAuto(1, 100_000),
    group: "departures",
    doc: "How many clients an instance that is to end sends away in a second. All of them may come to one other instance, so it is at most what that lets in. `auto` is half of `max-accepts-per-second`, at most 500.",
    default: "auto",
  },
  drainTimeoutMs: {
    name: "drain-timeout-ms",
    kind: integer(0, 3_600_000),
    group: "departures",
    doc: "How long an instance may take to end, waiting and sending away included. 3 s before that, clients that are left are closed all at once, and at the end shards are killed.",
    default: 60_000,
  },
  rebalance: {
    name: "rebalance",
    kind: flag(),
    group: "departures",
    doc: "Send clients away that this instance holds beyond the mean of its region, when instances are uneven. It needs a shared bus, and a load balancer that picks the instance with the fewest clients.",
    default: false,
  },
  rebalancePercent: {
    name: "rebalance-percent",
    kind: integer(1, 100),
    group: "departures",
    doc: "Instances are uneven when one differs from the mean by more than this. Once it has begun it goes on down to two fifths of it.",
    default: 5,
  },
  rebalanceRoundPercent: {
    name: "rebalance-round-percent",
    kind: integer(1, 100),
    group: "departures",
    doc: "Of its clients an instance sends away at most this many in one round.",
    default: 10,
  },
  rebalanceClientsPerSecond: {
    name: "rebalance-clients-per-second",
    kind: integerOrAuto(1, 100_000),
    group: "departures",
    doc: "How many clients are sent away in a second to even instances out, by all instances together. `auto` is half of `max-accepts-per-second`, at most 100.",
    default: "auto",
  },
  rebalancePauseSeconds: {
    name: "rebalance-pause-seconds",
    kind: integer(5, 3600),
    group: "departures",
    doc: "Time between two rounds, and after an instance came, went or became well, which the load balancer must have noticed by then.",
    default: 30,
  },
} as const satisfies Record<string, Setting>;
