import { beforeEach, expect, test } from "bun:test";
import type { HealthReport, ShardHealth } from "../health.ts";
import { NO_VITALS } from "../vitals/shardVitals.fixture.ts";
import { InstanceHealth, type InstanceState } from "./instanceHealth.ts";
import type { ShardStats } from "./ipc.ts";

const WELL: ShardStats = {
  connections: 10,
  subscriptions: 100,
  permitsNumber: 0,
  publications: 0,
  deliveries: 0,
  rssBytes: 0,
  cpuShare: 0.1,
  busState: "connected",
  busLagMs: 1,
  gaps: 0,
  repairs: 0,
  oldestHoldMs: 0,
  streamsReadForward: 0,
  streamsUnfollowed: 0,
  streamsWaitingForLog: 0,
  sourceState: "reading",
  groupStrangers: 0,
  tokenKeys: "none",
  vitals: NO_VITALS,
};

let health: InstanceHealth;
let nowMs: number;

beforeEach(() => {
  health = new InstanceHealth();
  nowMs = 0;
});

/** Two shards that are well, but for what a test changes in the first, or in both. */
function judge(
  first: Partial<ShardStats> = {},
  second: Partial<ShardStats> = {},
  state: Partial<InstanceState> = {},
): HealthReport {
  const shards = [0, 1].map((shard): ShardHealth => {
    return { shard, pid: 1, state: "ready", connections: 10, restarts: 0 };
  });
  const stats = [
    { ...WELL, ...first },
    { ...WELL, ...second },
  ];
  return health.judge({
    ...{ instance: "a", draining: false, connectionsMax: 100, subscriptionsMax: 1000, shards, stats, nowMs },
    admission: {
      ...{ acceptsPerSecond: 1000, acceptsPerSecondPerAddress: "auto", frameAgeMsMax: 2000 },
      memory: { highPercent: 90, lowPercent: 80 },
      addresses: { trustedProxies: [], hidden: false },
    },
    memory: { status: "ok", value: "1 %" },
    ...{ clusterBus: "none", clusterProblems: [], log: "kafka" },
    ...state,
  });
}

test("an instance that is well says so, each check with its value", () => {
  const { status, checks } = judge();
  expect(status).toBe("ok");
  for (const check of Object.values(checks)) expect(check).toMatchObject({ status: "ok" });
});

test("draining, full, and no shard ready are for another instance", () => {
  expect(judge({}, {}, { draining: true }).status).toBe("unhealthy");
  expect(judge({ connections: 90 }).checks["connections"]).toMatchObject({ status: "unhealthy", value: 100 });
  expect(judge({ subscriptions: 900 }).checks["subscriptions"]).toMatchObject({
    status: "unhealthy",
    value: 1000,
  });
  const shards = [{ shard: 0, pid: 1, state: "starting", connections: 0, restarts: 0 }] as const;
  expect(judge({}, {}, { shards, stats: [undefined] }).checks["shards"]?.status).toBe("unhealthy");
});

test("a lost bus alone, a lost Kafka alone and one dead shard are not", () => {
  const lostBus = { busState: "disconnected" };
  expect(judge(lostBus, lostBus).status).toBe("degraded");
  const lostKafka = { sourceState: "reconnecting", streamsWaitingForLog: 2 };
  nowMs += 600_000;
  expect(judge(lostKafka, lostKafka).status).toBe("degraded");
  nowMs += 600_000;
  expect(judge(lostKafka, lostKafka).status).toBe("degraded");
});

test("cut off from bus and log in all shards for longer than the grace is", () => {
  const cutOff = { busState: "disconnected", streamsWaitingForLog: 1 };
  expect(judge(cutOff, cutOff).status).toBe("degraded");
  nowMs += 14_000;
  expect(judge(cutOff, cutOff).status).toBe("degraded");
  nowMs += 2_000;
  expect(judge(cutOff, cutOff).checks["log"]?.status).toBe("unhealthy");
  expect(judge(cutOff).status).toBe("degraded");
  expect(judge(cutOff, cutOff).status).toBe("degraded");
});

test("a busy shard that is behind is saturated, until it has kept up for a while", () => {
  expect(judge({ busLagMs: 2500, cpuShare: 0.3 }).checks["saturation"]?.status).toBe("ok");
  expect(judge({ busLagMs: 2500, cpuShare: 0.95 }).checks["saturation"]).toMatchObject({
    status: "unhealthy",
    value: 2500,
    limit: 2000,
  });
  expect(health.isSaturated).toBe(true);
  nowMs += 60_000;
  expect(judge({ busLagMs: 1000 }).status).toBe("unhealthy");
  nowMs += 9_000;
  expect(judge().status).toBe("unhealthy");
  nowMs += 2_000;
  expect(judge().status).toBe("ok");
  expect(health.isSaturated).toBe(false);
});

test("streams read from the log and repairs that take long are told", () => {
  expect(judge({ streamsUnfollowed: 1 }).checks["streams"]?.status).toBe("degraded");
  expect(judge({ streamsReadForward: 1 }).checks["repair"]?.status).toBe("degraded");
  expect(judge({ oldestHoldMs: 3000 }).checks["repair"]?.status).toBe("degraded");
  expect(judge({ oldestHoldMs: 100 }).checks["repair"]?.status).toBe("ok");
});

test("what instances contradict each other in is told, and a bus between them that is away", () => {
  expect(judge({}, {}, { clusterProblems: ["two are called a"] }).checks["cluster"]).toMatchObject({
    status: "degraded",
    message: "two are called a",
  });
  expect(judge({}, {}, { clusterBus: "disconnected" }).status).toBe("degraded");
  expect(judge({}, {}, { clusterBus: "connected" }).status).toBe("ok");
});

test("keys of tokens that can not be fetched are told, and take no instance out: the others have none either", () => {
  expect(judge({ tokenKeys: "fresh" }).status).toBe("ok");
  for (const tokenKeys of ["stale", "away"]) {
    expect(judge({ tokenKeys }).checks["keys"]).toMatchObject({ status: "degraded" });
  }
});

test("members of the group with another bus are told", () => {
  expect(judge({ groupStrangers: 2 }).checks["group"]).toMatchObject({ status: "degraded", value: 2 });
});

test("a gap is told for a minute, and a shard's restart is no gap", () => {
  expect(judge({ gaps: 1 }).checks["gaps"]?.status).toBe("degraded");
  nowMs += 61_000;
  expect(judge({ gaps: 1 }).status).toBe("ok");
  expect(judge({ gaps: 0 }).status).toBe("ok");
  expect(judge({ gaps: 1 }).status).toBe("degraded");
});
