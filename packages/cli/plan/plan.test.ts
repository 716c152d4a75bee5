import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shardcast } from "../cli.fixture.ts";
import { ADVICE } from "./advice.ts";
import { planCapacity } from "./capacityPlan.ts";
import { evaluate } from "./evaluate.ts";
import { MEASURED } from "./measured.ts";
import { measuredRow, planValues } from "./plan.fixture.ts";
import { type PlanValues, workloadOf } from "./settings.ts";

const workload = (values: Partial<PlanValues> = {}) => workloadOf(planValues(values));
const planOf = (values: Partial<PlanValues>, spare = 1) =>
  planCapacity(workload(values), spare, values.instances);

describe("a plan", () => {
  test("is the smallest that holds: one instance less does not", () => {
    const load = workload({ connections: 100_000, receivedPerSecond: 10 });
    const { fits, instances } = planCapacity(load, 0);
    expect(fits).toBe(true);
    expect(instances).toBeGreaterThan(1);
    expect(evaluate(load, instances).every(({ share }) => share <= 1)).toBe(true);
    expect(evaluate(load, instances - 1)[0]?.share).toBeGreaterThan(1);
  });

  test("agrees with what was measured: 50,000 clients at 3 messages/s keep 1.35 cores busy", () => {
    const load = workload({ connections: 50_000, receivedPerSecond: 3, coreFactor: 1 });
    const cpu = evaluate(load, 1).find(({ name }) => name === "shard CPU");
    // docs/capacity.md: 9.0 µs of CPU for each of 150,000 deliveries a second, here over 3 shards.
    expect((cpu?.used ?? 0) * 3).toBeCloseTo(1.35, 1);
  });

  test("tells how many clients its instances hold, and one more does not", () => {
    const { connectionsMax, connectionsMaxBecause, instances } = planOf({ connections: 12_000 });
    const at = (connections: number) => evaluate(workload({ connections }), instances, 1);
    expect(at(connectionsMax).every(({ share }) => share <= 1)).toBe(true);
    expect(at(connectionsMax + 1)[0]?.share).toBeGreaterThan(1);
    expect(at(connectionsMax + 1)[0]?.name).toBe(connectionsMaxBecause);
  });

  test.each([
    ["shard CPU", { connections: 12_000 }],
    ["turn", { connections: 60_000, receivedPerSecond: 0.1 }],
    ["memory", { connections: 30_000, receivedPerSecond: 0.1, stalledShare: 0.5 }],
    ["files", { connections: 12_000, receivedPerSecond: 0.1, files: 1024 }],
    ["egress", { connections: 12_000, messagesPerWrite: 32, payloadBytes: 20_000 }],
    [
      "bus egress",
      { connections: 12_000, receivedPerSecond: 1, publishedPerSecond: 60_000, payloadBytes: 3000 },
    ],
    [
      "bus CPU",
      {
        connections: 12_000,
        receivedPerSecond: 1,
        publishedPerSecond: 60_000,
        payloadBytes: 1,
        cpuTarget: 1,
      },
    ],
  ] as const)("names %s as the bottleneck where that is scarce", (name, values) => {
    expect(planOf({ ...values, instances: 8 }).firstBottleneck.name).toBe(name);
    expect(ADVICE[name].length).toBeGreaterThan(20);
  });

  test("says that it does not hold where more instances make it worse", () => {
    const found = planOf({ publishedPerSecond: 1_000_000, partitions: 1000 });
    expect(found.fits).toBe(false);
    expect(found.firstBottleneck.of).not.toBe("instance");
  });

  test("more of anything never needs fewer instances", () => {
    const sizes = [1_000, 10_000, 50_000, 100_000, 500_000].map(
      (connections) => planOf({ connections }).instances,
    );
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  });

  test("rests on the figures that its page tells", async () => {
    const page = await Bun.file(new URL("../../../docs/planning.md", import.meta.url)).text();
    const missing = Object.entries(MEASURED)
      .map(([name, figure]) => measuredRow(name, figure))
      .filter((row) => !page.includes(row));
    expect(missing).toEqual([]);
    const pages = Object.values(MEASURED).map(({ source }) => source.split(":")[0] ?? "");
    for (const source of pages)
      expect(await Bun.file(new URL(`../../../${source}`, import.meta.url)).exists()).toBe(true);
  });
});

describe("the command", () => {
  test("prints a plan for people and for programs, and 0 where it holds", async () => {
    const [people, programs] = await Promise.all([shardcast(["plan"]), shardcast(["plan", "--json"])]);
    expect(people).toMatchObject({ exitCode: 0, stderr: "" });
    expect(people.stdout).toContain("First bottleneck: shard CPU");
    const { plan } = JSON.parse(programs.stdout) as { plan: { instances: number; fits: boolean } };
    expect(plan).toMatchObject({ instances: 1, fits: true });
  });

  test("ends with 1 where what is given does not hold", async () => {
    const few = await shardcast(["plan", "--connections", "500000", "--instances", "1"]);
    expect(few.exitCode).toBe(1);
    expect(few.stdout).toContain("DOES NOT HOLD");
  });

  test("refuses several instances on the local bus, and words it does not know", async () => {
    const local = await shardcast(["plan", "--bus", "local", "--instances", "2"]);
    expect(local).toMatchObject({ exitCode: 2 });
    expect(local.stderr).toContain("--bus local holds one instance");
    expect(await shardcast(["plan", "sideways"])).toMatchObject({ exitCode: 2 });
  });
});

describe("prices", () => {
  const GOOD = "source: a page\ncurrency: EUR\ninstanceHour: 0.1\nbusHour: 0.2\negressGib: 0.1\n";

  async function planWith(prices: string) {
    const directory = mkdtempSync(join(tmpdir(), "shardcast-plan-"));
    try {
      const path = join(directory, "prices.yaml");
      writeFileSync(path, prices);
      return await shardcast(["plan", "--prices", path, "--average-share", "0.5"]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  test("make a cost, which says how old they are", async () => {
    const { stdout, exitCode } = await planWith(`asOf: 2001-01-01\n${GOOD}`);
    expect(exitCode).toBe(0);
    // Two instances and the bus for 730 hours, and half of 120,000 × 440 B a second.
    expect(stdout).toContain("EUR a month (instances 146, bus 146, balancer 0, egress 6,46");
    expect(stdout).toContain("days old: look them up again");
  });

  test("of the file that comes with Shardcast are refused until they are filled in, each by its name", async () => {
    const empty = await Bun.file(new URL("../../../deploy/prices.example.yaml", import.meta.url)).text();
    const { stderr, exitCode } = await planWith(empty);
    expect(exitCode).toBe(2);
    const amounts = ["instanceHour", "busHour", "balancerHour", "balancerGib", "egressGib"];
    for (const name of ["asOf", ...amounts]) expect(stderr).toContain(`at ${name}`);
    const dated = empty.replace(/^asOf:$/m, "asOf: 2001-01-01");
    const filled = dated.replaceAll(/^(\w+(?:Hour|Gib)):$/gm, "$1: 0.1");
    expect((await planWith(filled)).stdout).toContain("USD a month");
  });

  test.each([
    ["no date", GOOD, "asOf"],
    ["a date to come", `asOf: 2999-01-01\n${GOOD}`, "in the future"],
    ["a price nobody asked for", `asOf: 2001-01-01\nlunch: 1\n${GOOD}`, "lunch"],
  ])("with %s are refused", async (_, prices, fault) => {
    const { stderr, exitCode } = await planWith(prices);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(fault);
  });
});
