// `npm run bench -- profile [--clients N] [--hold-seconds N]`: where the servers' time goes under the 12k load. User and
// kernel time of each process by the kernel's own count; user time by source file by Bun's sampling profiler; kernel
// time by function by `perf`, where that is there.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startCluster } from "../test/cluster.fixture.ts";
import { childrenOf, kernelMs, userMs } from "./processes.ts";
import { runScenario, TOPIC } from "./scenarioRun.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values } = scriptFlags(BENCH_USAGE, {
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "12000" },
    "hold-seconds": { type: "string", default: "40" },
  },
});
const RAMP_PER_SECOND = 1500;
const SETTLE_MS = 5000;
const MEASURE_MS = 20_000;
const SHOWN_MAX = 15;

const directory = mkdtempSync(join(tmpdir(), "shardcast-profile-"));
const cluster = await startCluster({
  ...{ instances: 2, shards: 3, bus: "redis", topics: [{ name: TOPIC, partitions: 3 }] },
  flags: ["--max-connections", "auto", "--log-level", "warn"],
  env: (id) => ({ BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${join(directory, id)}` }),
});
const supervisors = cluster.members.flatMap(({ instance }) => (instance === undefined ? [] : [instance.pid]));
const shards = supervisors.flatMap(childrenOf);
try {
  const run = runScenario("12k", cluster, {
    "--connections": values.clients,
    "--connections-per-second": `${RAMP_PER_SECOND}`,
    "--hold-seconds": values["hold-seconds"],
  });
  await Bun.sleep((Number(values.clients) / RAMP_PER_SECOND) * 1000 + SETTLE_MS);
  const before = await deliveries();
  const [userBefore, kernelBefore] = [userMs(shards), kernelMs(shards)];
  const kernelStages = perf(shards[0] ?? 0);
  await Bun.sleep(MEASURE_MS);
  const delivered = (await deliveries()) - before;
  const each = (ms: number) => `${((ms * 1000) / delivered).toFixed(2)} µs`;
  console.log(
    `\n${shards.length} shards, ${delivered} deliveries in ${MEASURE_MS / 1000} s, CPU per delivery:`,
  );
  console.log(`  user    ${each(userMs(shards) - userBefore)}`);
  console.log(`  kernel  ${each(kernelMs(shards) - kernelBefore)}`);
  console.log(`\nOf one shard's samples by the kernel, in % (perf):\n${await kernelStages}`);
  await run;
} finally {
  await cluster.stop();
}
console.log("\nOf the shards' JavaScript, samples by file in % (self time):");
for (const [file, share] of byFile().slice(0, SHOWN_MAX))
  console.log(`  ${(share * 100).toFixed(1).padStart(5)}  ${file}`);
rmSync(directory, { recursive: true });

async function deliveries(): Promise<number> {
  let sum = 0;
  for (const { adminPort } of cluster.members) {
    const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    for (const [, value] of page.matchAll(/^shardcast_deliveries_total(?:\{[^}]*\})? (\S+)$/gm))
      sum += Number(value);
  }
  return sum;
}

/** The kernel's and other functions that one process spends its time in. */
async function perf(pid: number): Promise<string> {
  if (Bun.which("perf") === null) return "  perf is not there";
  const data = join(directory, "perf.data");
  const seconds = `${MEASURE_MS / 2000}`;
  const record = ["perf", "record", "-q", "-F", "500", "-o", data, "-p", `${pid}`, "--", "sleep", seconds];
  await Bun.spawn(record, { stdio: ["ignore", "ignore", "ignore"] }).exited;
  const report = ["perf", "report", "-i", data, "--sort", "dso,symbol", "--stdio", "-g", "none"];
  const text = await new Response(Bun.spawn(report, { stdio: ["ignore", "pipe", "ignore"] }).stdout).text();
  const lines = text.split("\n").filter((line) => /^ +\d/.test(line));
  return lines
    .slice(0, 2 * SHOWN_MAX)
    .map((line) => line.trimEnd())
    .join("\n");
}

interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number;
    readonly callFrame: { functionName: string; url: string };
  }>;
  readonly samples: readonly number[];
}

/** The profiles of supervisors are left out: those of shards are all the others. */
function byFile(): Array<[string, number]> {
  const counts = new Map<string, number>();
  let all = 0;
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".cpuprofile") || supervisors.some((pid) => file.includes(`.${pid}.`))) continue;
    const profile = JSON.parse(readFileSync(join(directory, file), "utf8")) as CpuProfile;
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    for (const sample of profile.samples) {
      const frame = frames.get(sample);
      const name = frame?.url ? frame.url.split("/packages/").at(-1) : `native: ${frame?.functionName}`;
      counts.set(name ?? basename(file), (counts.get(name ?? "") ?? 0) + 1);
      all += 1;
    }
  }
  return [...counts]
    .map(([name, count]): [string, number] => [name, count / all])
    .sort((a, b) => b[1] - a[1]);
}
