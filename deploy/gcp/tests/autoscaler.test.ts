import { describe, expect, test } from "bun:test";
import { AUTOSCALE_SETTINGS } from "../../../packages/cli/plan/autoscaleSettings.ts";
import { MACHINES } from "../../../packages/cli/plan/machines.ts";
import { dayOptions } from "../../../packages/cli/plan/plan.fixture.ts";
import { type Day, simulateDay } from "../../../packages/cli/plan/simulateDay.ts";
import { cpuShareOf, START_SECONDS } from "../autoscaler.ts";
import { vcpusOf } from "../settings/machineShape.ts";
import { readSettings } from "../settings/read.ts";
import type { Settings } from "../settings/schema.ts";
import { readStackFile } from "../settings/stackFile.ts";
import { EXAMPLES, example, GCP, ofType } from "./examples.ts";

const FILE = readStackFile(`${GCP}examples/one-region.yaml`);
const SETTINGS = readSettings(FILE);

/** A day of a group that follows its load as Google's autoscaler does, with a stack's settings. */
function dayOf(settings: Settings, connections: number): Day {
  return simulateDay(
    dayOptions({
      connections,
      signal: "both",
      targetCpu: cpuShareOf(settings),
      targetConnections: settings.scaleAtClientsShare,
      instancesMin: 3,
      instancesMax: 500,
      stabilizationSeconds: settings.stabilizationSeconds,
      scaleInMax: settings.scaleInMachines,
      scaleInWindowSeconds: settings.scaleInSeconds,
      warmUpSeconds: START_SECONDS,
      drainSeconds: settings.drainSeconds,
    }),
  );
}

describe("a stack without a word about scaling", () => {
  test.each([50_000, 100_000, 300_000])(
    "is steady over a day of %d clients, and has room for all",
    (peak) => {
      const { isFlapping, refusedClientSeconds, saturatedMinutes } = dayOf(SETTINGS, peak);
      expect({ isFlapping, refusedClientSeconds, saturatedMinutes }).toEqual({
        isFlapping: false,
        refusedClientSeconds: 0,
        saturatedMinutes: 0,
      });
    },
  );

  test("starts machines no slower than `shardcast plan autoscale` reckons with", () => {
    expect(AUTOSCALE_SETTINGS.warmUpSeconds.default).toBe(START_SECONDS);
  });

  test("would flap with Google's ten minutes of stabilization, however slowly machines may go", () => {
    for (const scaleInSeconds of [600, 1800, 3600])
      expect(dayOf({ ...SETTINGS, stabilizationSeconds: 600, scaleInSeconds }, 300_000).isFlapping).toBe(
        true,
      );
  });

  test.each(EXAMPLES)("of %s tells Google so", async (name) => {
    const autoscalers = ofType(await example(name), "RegionAutoscaler");
    expect(autoscalers.length).toBeGreaterThan(0);
    for (const { inputs } of autoscalers)
      expect(inputs["autoscalingPolicy"]).toMatchObject({
        cooldownPeriod: START_SECONDS,
        cpuUtilization: { target: 0.33 },
        stabilizationPeriod: 1800,
        scaleInControl: { maxScaledInReplicas: { fixed: 1 }, timeWindowSec: 600 },
      });
  });
});

describe("the use of processors that is aimed at", () => {
  test.each(MACHINES)("of $name is that of shardcast plan", ({ name, vcpus }) => {
    const settings = readSettings({ ...FILE, "shardcast:machineType": name });
    const { cpuTarget } = dayOptions({ machine: name }).autoscaler;
    expect(vcpusOf(settings)).toBe(vcpus);
    expect(cpuShareOf(settings)).toBeCloseTo(cpuTarget, 1);
    expect(cpuShareOf(settings)).toBeLessThanOrEqual(cpuTarget);
  });

  test("follows the number of shards, and what the stack says goes before", () => {
    const of = (config: Record<string, string>) => cpuShareOf(readSettings({ ...FILE, ...config }));
    expect(of({ "shardcast:settings": '{"shards":2}' })).toBe(0.22);
    expect(of({ "shardcast:scaleAtCpuShare": "0.5" })).toBe(0.5);
  });

  test.each([
    ["c3-standard-8-lssd", 8],
    ["e2-custom-6-8192", 6],
    ["n1-highmem-16", 16],
    ["e2-medium", 2],
  ])("%s has %d processors", (machineType, vcpus) => {
    expect(vcpusOf({ ...SETTINGS, machineType })).toBe(vcpus);
  });
});
