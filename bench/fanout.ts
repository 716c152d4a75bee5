// What Shardcast costs beside the floor: a ten-line Bun server that only does `server.publish` of the same bytes, in the
// same run on the same machine. Absolute figures belong to the machine; the ratios are what counts.

import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startInstance } from "../test/instance.fixture.ts";
import { Load } from "./load.ts";
import { cpuMs, quantile, rssBytes } from "./processes.ts";
import { writeResults } from "./results.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "10000" },
    /** Messages a second, each to all clients. */
    rate: { type: "string", default: "100" },
    seconds: { type: "string", default: "10" },
  },
});
const CLIENTS = Number(flags.clients);
const RATE = Number(flags.rate);
const SECONDS = Number(flags.seconds);
const TURN_MS = 10;
const LOADS = 2;

interface Target {
  readonly port: number;
  readonly pids: readonly number[];
  /** Publishes so many messages now, in one turn. */
  readonly publish: (count: number) => unknown;
  readonly end: () => unknown;
}

interface Figures {
  readonly deliveriesPerSecond: number;
  readonly complete: number;
  readonly cpuUsPerDelivery: number;
  readonly rssBytesPerClient: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly loadCpuUsPerDelivery: number;
}

const data = () => ({
  t: performance.timeOrigin + performance.now(),
  symbol: "BTC",
  price: 64170.5,
  size: 0.01578,
  side: "buy",
  filler: "x".repeat(150),
});

async function floor(): Promise<Target> {
  const text = JSON.stringify({
    type: "message",
    channel: "all",
    cursor: "k3f9abc:123456",
    ts: Date.now(),
    data: data(),
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  const child = Bun.spawn([process.execPath, new URL("./floor.ts", import.meta.url).pathname, "0", text], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: ({ port }: { port: number }) => resolve(port),
  });
  return {
    port: await promise,
    pids: [child.pid],
    publish: (publish) => child.send({ publish }),
    end: () => child.kill(),
  };
}

async function shardcast(): Promise<Target> {
  const instance = await startInstance([
    "--shards",
    "1",
    "--max-connections",
    `${CLIENTS + 100}`,
    "--max-accepts-per-second",
    `${CLIENTS + 100}`,
    "--log-level",
    "warn",
  ]);
  return {
    port: instance.port,
    pids: [instance.pid, ...(await instance.shardPids())],
    publish: (count) => {
      const items = Array.from({ length: count }, () => ({ channel: "all", data: data() }));
      return fetch(`${instance.admin}/api/publish`, { method: "POST", body: JSON.stringify(items) });
    },
    end: () => instance.end(),
  };
}

async function measure(target: Target): Promise<Figures> {
  await Bun.sleep(500);
  const idleBytes = rssBytes(target.pids);
  const loads = Array.from(
    { length: LOADS },
    (_, at) => new Load(target.port, CLIENTS / LOADS, (at * CLIENTS) / LOADS),
  );
  await Promise.all(loads.map((load) => load.ready));
  await Bun.sleep(2000);
  const rssBytesPerClient = (rssBytes(target.pids) - idleBytes) / CLIENTS;
  await publishFor(target, 1);
  await Bun.sleep(1000);
  const before = await Promise.all(loads.map((load) => load.counts(true)));
  const cpuBefore = cpuMs(target.pids);
  const started = performance.now();
  const published = await publishFor(target, SECONDS);
  const seconds = (performance.now() - started) / 1000;
  await Bun.sleep(1500);
  const after = await Promise.all(loads.map((load) => load.counts()));
  const cpu = cpuMs(target.pids) - cpuBefore;
  const messages = after.reduce((sum, counts) => sum + counts.messages, 0);
  const loadCpuUs = after.reduce((sum, { cpuUs }, at) => sum + cpuUs - (before[at]?.cpuUs ?? 0), 0);
  const latencies = after.flatMap(({ latenciesMs }) => latenciesMs);
  for (const load of loads) load.end();
  await target.end();
  return {
    deliveriesPerSecond: messages / seconds,
    complete: messages / (published * CLIENTS),
    cpuUsPerDelivery: (cpu * 1000) / messages,
    rssBytesPerClient,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    p999Ms: quantile(latencies, 0.999),
    loadCpuUsPerDelivery: loadCpuUs / messages,
  };
}

/** Publishes at the rate, in turns of 10 ms, whether or not the target keeps up. Returns how many. */
async function publishFor(target: Target, seconds: number): Promise<number> {
  const started = performance.now();
  const pending: unknown[] = [];
  let published = 0;
  while (performance.now() - started < seconds * 1000) {
    const due = Math.floor(((performance.now() - started) / 1000) * RATE) - published;
    if (due > 0) pending.push(target.publish(due));
    published += Math.max(0, due);
    await Bun.sleep(TURN_MS);
  }
  await Promise.all(pending);
  return published;
}

const results = { floor: await measure(await floor()), shardcast: await measure(await shardcast()) };
const rows: Array<[string, keyof Figures, number]> = [
  ["deliveries/s", "deliveriesPerSecond", 0],
  ["complete (1 = all)", "complete", 4],
  ["server CPU, µs/delivery", "cpuUsPerDelivery", 3],
  ["RSS, bytes/client (10 subscriptions)", "rssBytesPerClient", 0],
  ["latency p50, ms", "p50Ms", 1],
  ["latency p99, ms", "p99Ms", 1],
  ["latency p99.9, ms", "p999Ms", 1],
  ["load client CPU, µs/delivery", "loadCpuUsPerDelivery", 3],
];
console.log(
  `${CLIENTS} clients, ${RATE} messages/s for ${SECONDS} s, 1 shard, ${navigator.hardwareConcurrency} cores, Bun ${Bun.version}`,
);
console.log(["", "floor", "shardcast", "ratio"].map((cell, at) => cell.padEnd(at === 0 ? 40 : 14)).join(""));
for (const [name, key, digits] of rows) {
  const cells = [results.floor[key], results.shardcast[key]].map((value) => value.toFixed(digits).padEnd(14));
  console.log(name.padEnd(40) + cells.join("") + (results.shardcast[key] / results.floor[key]).toFixed(2));
}
await writeResults("fanout", { clients: CLIENTS, rate: RATE, seconds: SECONDS, results });
