// `npm run bench -- events [--clients N] [--rate N] [--seconds N]`: event streams beside WebSockets, the same messages to as
// many clients of one shard, one after the other in one run. The ratios are what counts.
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startInstance } from "../test/instance.fixture.ts";
import { Load } from "./load.ts";
import { cpuMs, quantile, rssBytes } from "./processes.ts";
import { writeResults } from "./results.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "1000" },
    rate: { type: "string", default: "50" },
    seconds: { type: "string", default: "8" },
  },
});
const CLIENTS = Number(flags.clients);
const RATE = Number(flags.rate);
const SECONDS = Number(flags.seconds);

const KINDS = { WebSockets: "loadClient", "event streams": "eventClient" } as const;

const results: Record<string, Awaited<ReturnType<typeof measure>>> = {};
for (const [name, kind] of Object.entries(KINDS)) results[name] = await measure(kind);
console.log(
  `${CLIENTS} clients, ${RATE} messages/s for ${SECONDS} s, each published by itself, 1 shard, ${navigator.hardwareConcurrency} cores, Bun ${Bun.version}`,
);
console.log(["", ...Object.keys(results)].map((cell, at) => cell.padEnd(at === 0 ? 36 : 16)).join(""));
const rows = [
  ["complete (1 = all)", "complete", 4],
  ["server CPU, µs/delivery", "cpuUsPerDelivery", 2],
  ["RSS, bytes/client", "rssBytesPerClient", 0],
  ["latency p50, ms", "p50Ms", 1],
  ["latency p99, ms", "p99Ms", 1],
] as const;
for (const [title, key, digits] of rows) {
  const cells = Object.values(results).map((result) => result[key].toFixed(digits).padEnd(16));
  console.log(title.padEnd(36) + cells.join(""));
}
await writeResults("events", { clients: CLIENTS, rate: RATE, seconds: SECONDS, results });

async function measure(kind: "loadClient" | "eventClient") {
  const instance = await startInstance([
    ...["--shards", "1", "--log-level", "warn"],
    ...["--max-connections", `${CLIENTS + 100}`, "--max-accepts-per-second", `${CLIENTS + 100}`],
  ]);
  const pids = [instance.pid, ...(await instance.shardPids())];
  await Bun.sleep(500);
  const idleBytes = rssBytes(pids);
  const load = new Load(instance.port, CLIENTS, 0, kind);
  await load.ready;
  await publishFor(instance.admin, 2);
  await Bun.sleep(1000);
  const rssBytesPerClient = (rssBytes(pids) - idleBytes) / CLIENTS;
  await load.counts(true);
  const cpuBefore = cpuMs(pids);
  const published = await publishFor(instance.admin, SECONDS);
  await Bun.sleep(1500);
  const { messages, latenciesMs } = await load.counts();
  const cpu = cpuMs(pids) - cpuBefore;
  load.end();
  await instance.end();
  return {
    complete: messages / (published * CLIENTS),
    cpuUsPerDelivery: (cpu * 1000) / messages,
    rssBytesPerClient,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}

async function publishFor(admin: string, seconds: number): Promise<number> {
  const started = performance.now();
  let published = 0;
  while (performance.now() - started < seconds * 1000) {
    const due = Math.floor(((performance.now() - started) / 1000) * RATE) - published;
    if (due > 0) {
      const data = () => ({
        t: performance.timeOrigin + performance.now(),
        symbol: "BTC",
        filler: "x".repeat(150),
      });
      const items = Array.from({ length: due }, () => ({ channel: "all", data: data() }));
      await fetch(`${admin}/api/publish`, { method: "POST", body: JSON.stringify(items) });
      published += due;
    }
    await Bun.sleep(5);
  }
  return published;
}
