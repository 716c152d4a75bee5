// What stalled clients cost those that read: 9,000 that read alone, then with 1,000 beside them that do not, by turns and
// on the same instance. In the end the stalled ones read again: those of `latest` and of a rate must then hold the very
// last value of each channel.
import { readFileSync } from "node:fs";
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startInstance } from "../test/instance.fixture.ts";
import { Load } from "./load.ts";
import { quantile, rssBytes } from "./processes.ts";
import { writeResults } from "./results.ts";
import { Stalled, type StalledCounts } from "./stalled.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "9000" },
    stalled: { type: "string", default: "1000" },
    /** Messages a second to all clients. */
    rate: { type: "string", default: "20" },
    /** Messages a second of 2 KB to the stalled ones alone, so that they come to be behind soon. */
    "bulk-rate": { type: "string", default: "100" },
    seconds: { type: "string", default: "10" },
    rounds: { type: "string", default: "3" },
  },
});
const CLIENTS = Number(flags.clients);
const STALLED = Number(flags.stalled);
const RATE = Number(flags.rate);
const BULK_RATE = Number(flags["bulk-rate"]);
const SECONDS = Number(flags.seconds);
const ROUNDS = Number(flags.rounds);
const LOADS = 2;
const TURN_MS = 20;
const BULK_CHANNELS = 16;
/** What a client may take to have everything after it reads again. */
const CATCH_UP_MS_MAX = 60_000;

interface Figures {
  readonly complete: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMiB: number;
  readonly kernelMiB: number;
  readonly slowClients: number;
  readonly clientsBehind: number;
  readonly cutOff: number;
}

interface Round {
  readonly without: Figures;
  readonly beside: Figures;
  readonly caughtUp: { readonly counts: StalledCounts; readonly ms: number };
}

const instance = await startInstance([
  ...["--shards", "1", "--max-connections", `${CLIENTS + STALLED + 100}`],
  ...["--max-accepts-per-second", `${CLIENTS + STALLED + 100}`, "--log-level", "warn"],
]);
const port = instance.port;
const pids = [instance.pid, ...(await instance.shardPids())];
const last: Record<string, number> = {};
let published = 0;

/** One of `all` for everybody, and of `bulk` for the stalled ones. */
function next(channel: string, bytes: number): { channel: string; data: object } {
  last[channel] = ++published;
  const t = performance.timeOrigin + performance.now();
  return { channel, data: { t, filler: "x".repeat(bytes), n: published } };
}

async function publishFor(seconds: number): Promise<number> {
  const began = performance.now();
  const pending: Promise<unknown>[] = [];
  let all = 0;
  let bulk = 0;
  while (performance.now() - began < seconds * 1000) {
    const passed = (performance.now() - began) / 1000;
    const items = [];
    for (; all < Math.floor(passed * RATE); all++) items.push(next("all", 200));
    for (; bulk < Math.floor(passed * BULK_RATE); bulk++)
      items.push(next(`bulk.${bulk % BULK_CHANNELS}`, 2000));
    if (items.length > 0) pending.push(instance.publish(...items));
    await Bun.sleep(TURN_MS);
  }
  await Promise.all(pending);
  return all;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${instance.admin}/metrics`)).text();
  const rows = text.split("\n").filter((row) => row.startsWith(`shardcast_${name}{`));
  return rows.reduce((sum, row) => sum + Number(row.split(" ").at(-1)), 0);
}

/** What the kernel holds unsent for all connections of the instance's port, in bytes. */
function kernelBytes(): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let sum = 0;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const row of readFileSync(table, "latin1").split("\n")) {
      const [, local = "", , , queues = ""] = row.trim().split(/\s+/);
      if (local.endsWith(suffix)) sum += Number.parseInt(queues.split(":")[0] ?? "0", 16);
    }
  }
  return sum;
}

async function measure(loads: readonly Load[]): Promise<Figures> {
  await publishFor(1);
  await Bun.sleep(2000);
  for (const load of loads) await load.counts(true);
  const sent = await publishFor(SECONDS);
  const rssMiB = rssBytes(pids) / 2 ** 20;
  const kernelMiB = kernelBytes() / 2 ** 20;
  await Bun.sleep(3000);
  const counts = await Promise.all(loads.map((load) => load.counts()));
  const latencies = counts.flatMap(({ latenciesMs }) => latenciesMs);
  const messages = counts.reduce((sum, each) => sum + each.messages, 0);
  return {
    complete: messages / (sent * CLIENTS),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    rssMiB,
    kernelMiB,
    slowClients: await metric("slow_clients"),
    clientsBehind: await metric("clients_behind"),
    cutOff: await metric("slow_disconnects_total"),
  };
}

/** Publishes until those who can be behind are, and those who are owed everything are cut off. */
async function fill(): Promise<void> {
  const cutOffBefore = await metric("slow_disconnects_total");
  for (;;) {
    await publishFor(2);
    const cutOff = (await metric("slow_disconnects_total")) - cutOffBefore;
    const behind = await metric("clients_behind");
    if (cutOff + behind >= STALLED) return;
  }
}

/** How many hold the last of everything in the end, and after which time. */
async function catchUp(stalled: Stalled): Promise<Round["caughtUp"]> {
  const began = performance.now();
  await stalled.read();
  for (;;) {
    await Bun.sleep(100);
    const counts = await stalled.compare(last);
    const ms = performance.now() - began;
    const isDone = [counts.latest, counts.rate].every(([all, exact]) => all === exact);
    if (isDone || ms > CATCH_UP_MS_MAX) return { counts, ms };
  }
}

const loads = Array.from(
  { length: LOADS },
  (_, at) => new Load(port, CLIENTS / LOADS, (at * CLIENTS) / LOADS),
);
await Promise.all(loads.map((load) => load.ready));
const rounds: Round[] = [];
for (let round = 1; round <= ROUNDS; round++) {
  const without = await measure(loads);
  const stalled = new Stalled(port, STALLED);
  await stalled.ready;
  await fill();
  const beside = await measure(loads);
  const caughtUp = await catchUp(stalled);
  stalled.end();
  rounds.push({ without, beside, caughtUp });
  const { counts, ms } = caughtUp;
  console.log(
    `round ${round}: p99 ${without.p99Ms.toFixed(1)} ms alone, ${beside.p99Ms.toFixed(1)} ms beside ${STALLED} stalled; ` +
      `complete ${without.complete.toFixed(4)} and ${beside.complete.toFixed(4)}; ` +
      `exact at the end: ${counts.latest[1]} of ${counts.latest[0]} latest, ${counts.rate[1]} of ${counts.rate[0]} of a rate, ` +
      `after ${ms.toFixed(0)} ms; cut off: ${beside.cutOff - without.cutOff} of ${counts.lossless[0]} lossless`,
  );
  // Their ends must not fall into the next measurement.
  await Bun.sleep(1000);
}
const rows: ReadonlyArray<readonly [string, keyof Figures, number]> = [
  ["complete (1 = all)", "complete", 4],
  ["latency p50, ms", "p50Ms", 1],
  ["latency p99, ms", "p99Ms", 1],
  ["RSS of the instance, MiB", "rssMiB", 0],
  ["unsent in the kernel, MiB", "kernelMiB", 1],
  ["slow clients", "slowClients", 0],
  ["clients behind", "clientsBehind", 0],
];
console.log(
  `\n${CLIENTS} clients read ${RATE} messages/s, ${STALLED} do not, ${SECONDS} s each, medians of ${ROUNDS} rounds`,
);
console.log(
  ["", "alone", "beside stalled", "ratio"].map((cell, at) => cell.padEnd(at === 0 ? 30 : 16)).join(""),
);
for (const [name, key, digits] of rows) {
  const [alone, beside] = (["without", "beside"] as const).map((which) =>
    quantile(
      rounds.map((round) => round[which][key]),
      0.5,
    ),
  );
  const cells = [alone, beside].map((value) => (value ?? 0).toFixed(digits).padEnd(16));
  console.log(name.padEnd(30) + cells.join("") + ((beside ?? 0) / (alone ?? 0)).toFixed(2));
}
for (const load of loads) load.end();
await instance.end();
await writeResults("slow", { clients: CLIENTS, stalled: STALLED, rate: RATE, seconds: SECONDS, rounds });
