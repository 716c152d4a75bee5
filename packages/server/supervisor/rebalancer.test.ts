import { beforeEach, expect, test } from "bun:test";
import pino from "pino";
import { RebalanceRefused } from "../cluster/balance.ts";
import type { SeenInstance } from "../cluster/clusterView.ts";
import { seenInstance } from "../cluster/seen.fixture.ts";
import type { DepartureOrder } from "../gateway/departures.ts";
import { Rebalancer, type RebalanceSettings } from "./rebalancer.ts";

const SETTINGS: RebalanceSettings = {
  ...{ isOn: true, threshold: 0.05, roundShare: 0.1, clientsPerSecond: 100, pauseMs: 10_000 },
};

let nowMs: number;
/** Clients of each instance; this one is the first. */
let held: number[];
let status: SeenInstance["status"];
let orders: DepartureOrder[];

beforeEach(() => {
  nowMs = 0;
  held = [100, 100];
  status = "ok";
  orders = [];
});

function start(settings: Partial<RebalanceSettings> = {}): Rebalancer {
  const share = (part: number) => ({
    get stats() {
      return { connections: (held[0] ?? 0) * part };
    },
    depart: (order: DepartureOrder) => {
      orders.push(order);
    },
  });
  return new Rebalancer({
    ...{ ...SETTINGS, ...settings, shards: [share(0.75), share(0.25)], now: () => nowMs },
    logger: pino({ level: "silent" }),
    instances: () =>
      held.map((connections, index) =>
        seenInstance({ id: `${index}`, isSelf: index === 0, connections, status }),
      ),
  });
}

/** Ticks for so long; returns how many clients were sent away meanwhile. */
function pass(rebalancer: Rebalancer, ms: number): number {
  orders = [];
  for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 500) rebalancer.tick();
  return orders.reduce((sum, { clients = 0 }) => sum + clients, 0);
}

test("it waits until the cluster has settled, then sheds a tenth at most, at its share of the pace", () => {
  const rebalancer = start();
  pass(rebalancer, 1000);
  held = [150, 150, 0];
  expect(pass(rebalancer, 9500)).toBe(0);
  expect(pass(rebalancer, 2000)).toBe(15);
  // Two instances shed together, each half of the pace less a tenth; its shards share that as they share the clients.
  expect(orders.map(({ clients }) => clients)).toEqual([11, 4]);
  const pace = orders.reduce((sum, { perSecond }) => sum + perSecond, 0);
  expect(pace).toBeCloseTo(45);
  expect(orders.every(({ reason }) => reason === "rebalancing")).toBe(true);
});

test("it pauses between rounds, and ends when all are even, not where it began", () => {
  const rebalancer = start();
  held = [120, 80];
  const rounds: number[] = [];
  for (let second = 0; second < 200; second++) {
    const clients = pass(rebalancer, 1000);
    if (clients === 0) continue;
    rounds.push(second);
    held = [(held[0] ?? 0) - clients, (held[1] ?? 0) + clients];
  }
  expect(held).toEqual([100, 100]);
  expect(rounds.length).toBe(2);
  expect((rounds[1] ?? 0) - (rounds[0] ?? 0)).toBeGreaterThanOrEqual(10);
  expect(rebalancer.describe()).toMatchObject({ state: "even", spreadPercent: 0, excess: 0 });
});

test("a small distance is none: below the threshold, and of two clients whatever share that is", () => {
  const rebalancer = start();
  held = [104, 96];
  expect(pass(rebalancer, 60_000)).toBe(0);
  held = [6, 2];
  expect(pass(rebalancer, 60_000)).toBe(0);
  held = [110, 90];
  expect(pass(rebalancer, 12_000)).toBe(10);
});

test("while anything is unhealthy nothing is moved", () => {
  const rebalancer = start();
  held = [150, 50];
  status = "degraded";
  expect(pass(rebalancer, 60_000)).toBe(0);
  expect(rebalancer.describe()).toMatchObject({ state: "held", reason: "unhealthy" });
  status = "ok";
  // The balancer has still to notice.
  expect(pass(rebalancer, 9000)).toBe(0);
  expect(pass(rebalancer, 3000)).toBe(15);
});

test("clients that come back are sent away less and less often", () => {
  const rebalancer = start();
  held = [150, 50];
  const times: number[] = [];
  for (let second = 0; second < 1000; second++) if (pass(rebalancer, 1000) > 0) times.push(second);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(pauses.length).toBeGreaterThan(2);
  for (const [index, pause] of pauses.slice(1).entries())
    expect(pause).toBeGreaterThan(1.5 * (pauses[index] ?? 0));
});

test("by hand it begins at once, on or off, below the threshold too, and stops when all are even", () => {
  const rebalancer = start({ isOn: false });
  held = [104, 96];
  expect(pass(rebalancer, 60_000)).toBe(0);
  expect(rebalancer.describe()).toMatchObject({ state: "off" });
  expect(rebalancer.request()).toMatchObject({ state: "shedding", excess: 4 });
  expect(orders.reduce((sum, { clients = 0 }) => sum + clients, 0)).toBe(4);
  held = [100, 100];
  expect(pass(rebalancer, 60_000)).toBe(0);
  held = [150, 50];
  expect(pass(rebalancer, 60_000)).toBe(0);
});

test("by hand it is refused where there is nobody to compare with, or somebody is not well", () => {
  const rebalancer = start();
  status = "unhealthy";
  expect(() => rebalancer.request()).toThrow(RebalanceRefused);
  held = [100];
  status = "ok";
  expect(() => rebalancer.request()).toThrow(RebalanceRefused);
});
