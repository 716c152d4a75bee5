import { describe, expect, test } from "bun:test";
import { shardcast } from "../cli.fixture.ts";
import { Autoscaler, type AutoscalerSettings } from "./autoscaler.ts";
import { clientsAt } from "./dayCurve.ts";
import { Group } from "./group.ts";
import { dayOptions } from "./plan.fixture.ts";
import { simulateDay } from "./simulateDay.ts";

const EAGER = { stabilizationSeconds: 0, scaleInMax: 1000, scaleInWindowSeconds: 0 } as const;
const hold = (changes: Partial<AutoscalerSettings>): AutoscalerSettings => ({
  ...dayOptions().autoscaler,
  signal: "connections",
  connectionsTarget: 0.5,
  instancesMin: 1,
  ...changes,
});
const signals = (clients: number) => ({ instances: 4, cpuShare: 0.1, clients, clientsPerInstance: 100 });

describe("an autoscaler", () => {
  test("grows at once, and shrinks only to what was enough all the time", () => {
    const scaler = new Autoscaler(hold({ stabilizationSeconds: 600, scaleInMax: 1000 }));
    expect(scaler.decide(0, 4, signals(300))).toBe(6);
    expect(scaler.decide(60, 6, signals(200))).toBe(6);
    expect(scaler.decide(600, 6, signals(150))).toBe(6);
    expect(scaler.decide(601, 6, signals(150))).toBe(4);
    expect(scaler.decide(1300, 4, signals(100))).toBe(2);
  });

  test("takes no more away at a time than it may", () => {
    const limits = { stabilizationSeconds: 0, scaleInMax: 1, scaleInWindowSeconds: 600 };
    const scaler = new Autoscaler(hold(limits));
    expect(scaler.decide(0, 10, signals(50))).toBe(9);
    expect(scaler.decide(60, 9, signals(50))).toBe(9);
    expect(scaler.decide(601, 9, signals(50))).toBe(8);
  });

  test("follows the signal that wants more, and stays within its bounds", () => {
    const scaler = new Autoscaler(hold({ signal: "both", cpuTarget: 0.4, instancesMax: 7, ...EAGER }));
    expect(scaler.decide(0, 4, { ...signals(50), cpuShare: 0.6 })).toBe(6);
    expect(scaler.decide(1, 4, { ...signals(50), cpuShare: 1 })).toBe(7);
    expect(scaler.decide(2, 4, { ...signals(0), cpuShare: 0 })).toBe(1);
  });
});

describe("a group", () => {
  test("keeps clients where they are: a new instance takes only those that come", () => {
    const group = new Group(1000, Number.POSITIVE_INFINITY, 2, 1000);
    group.resize(3, 0, 60, 30);
    group.step(10, 10, 1030);
    expect(group.ready(10)).toEqual([515, 515]);
    group.step(60, 10, 1060);
    expect(group.ready(60)).toEqual([525, 525, 10]);
  });

  test("a drained instance sends its clients to the others over the drain time, and is gone then", () => {
    const group = new Group(1000, Number.POSITIVE_INFINITY, 3, 900);
    group.resize(2, 0, 60, 30);
    expect(group.step(0, 10, 900)).toMatchObject({ moved: 100, handshakesPerSecond: 10, refused: 0 });
    expect(group).toMatchObject({ size: 2, paidFor: 3 });
    group.step(10, 10, 900);
    group.step(20, 10, 900);
    expect(group).toMatchObject({ size: 2, paidFor: 2, clients: 900 });
    expect(group.ready(30)).toEqual([450, 450]);
  });

  test("tells whom it had no room for", () => {
    const group = new Group(100, Number.POSITIVE_INFINITY, 2, 150);
    expect(group.step(0, 10, 260).refused).toBeCloseTo(60);
    expect(group.clients).toBeCloseTo(200);
  });
});

describe("a day", () => {
  test("is lowest at night and highest by day, and the same each time", () => {
    const { curve } = dayOptions({ rippleShare: 0 });
    expect(clientsAt(curve, 4 * 3600)).toBeCloseTo(curve.peak * curve.nightShare);
    expect(clientsAt(curve, 16 * 3600)).toBeCloseTo(curve.peak);
    expect(clientsAt({ ...curve, spikeShare: 0.5 }, 21 * 3600 + 600)).toBeGreaterThan(curve.peak);
    expect(simulateDay(dayOptions())).toEqual(simulateDay(dayOptions()));
  });

  test("with the settings that are recommended changes little, and turns nobody away", () => {
    const day = simulateDay(dayOptions({ connections: 300_000 }));
    expect(day).toMatchObject({ isFlapping: false, refusedClientSeconds: 0, saturatedMinutes: 0 });
    expect(day.instanceHours).toBeLessThan(day.instancesMost * 24 * 0.75);
  });

  test("without stabilization flaps with the load's ups and downs", () => {
    const day = simulateDay(dayOptions({ connections: 300_000, ...EAGER }));
    expect(day.isFlapping).toBe(true);
    expect(day.flaps.length).toBeGreaterThan(100);
  });

  test("with ten minutes of stabilization still flaps where the load goes up and down more slowly", () => {
    const day = simulateDay(dayOptions({ connections: 300_000, stabilizationSeconds: 600 }));
    expect(day.isFlapping).toBe(true);
  });

  test("flaps by itself on CPU alone: a drain's handshakes are the load that brings an instance back", () => {
    const smooth = { connections: 100_000, rippleShare: 0, ...EAGER };
    expect(simulateDay(dayOptions({ ...smooth, signal: "cpu", drainSeconds: 30 })).isFlapping).toBe(true);
    expect(simulateDay(dayOptions({ ...smooth, signal: "connections" })).isFlapping).toBe(false);
    expect(simulateDay(dayOptions({ ...smooth, signal: "cpu", drainSeconds: 300 })).isFlapping).toBe(false);
  });

  test("with targets near the limit has no room while an instance warms up", () => {
    const late = { connections: 300_000, targetConnections: 0.98, targetCpu: 0.95 };
    expect(simulateDay(dayOptions(late)).refusedClientSeconds).toBeGreaterThan(0);
  });
});

describe("shardcast plan autoscale", () => {
  test("shows a steady day and ends with 0, beside settings that flap", async () => {
    const { exitCode, stdout } = await shardcast(["plan", "autoscale", "--connections", "100000"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("steady: ");
    expect(stdout).toMatch(/no stabilization .* flaps /);
    expect(stdout).not.toContain("FLAPS");
  });

  test("calls out a setting that flaps, with what to do, and ends with 1", async () => {
    const eager = [
      "--stabilization-seconds",
      "0",
      "--scale-in-max",
      "1000",
      "--scale-in-window-seconds",
      "0",
    ];
    const { exitCode, stdout } = await shardcast(["plan", "autoscale", "--connections", "100000", ...eager]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("FLAPS: ");
    expect(stdout).toContain("--stabilization-seconds");
    expect(stdout).toContain("← takes the last one back");
  });

  test("prints the day for programs", async () => {
    const { stdout } = await shardcast(["plan", "autoscale", "--json"]);
    const { day, others } = JSON.parse(stdout) as { day: { samples: unknown[] }; others: unknown[] };
    expect(day.samples).toHaveLength(144);
    expect(others.length).toBeGreaterThan(2);
  });
});
