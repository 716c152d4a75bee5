// What turns of the event loop that adapt cost and save (`--coalesce-max-ms`): the same load, by the same clients, on
// instances that differ in that alone and run at the same time, each in its turn. The ratios count.

import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startInstance, type TestInstance } from "../test/instance.fixture.ts";
import { Load } from "./load.ts";
import { cpuMs, quantile } from "./processes.ts";
import { writeResults } from "./results.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "1000" },
    /** Messages a second, each published by itself, to all clients. */
    rates: { type: "string", default: "5,20,50,100,200,400,800" },
    bounds: { type: "string", default: "0,5,10,25,50" },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "2" },
  },
});
const CLIENTS = Number(flags.clients);
const SECONDS = Number(flags.seconds);
const RATES = flags.rates.split(",").map(Number);

interface Variant {
  readonly boundMs: number;
  readonly instance: TestInstance;
  readonly shards: readonly number[];
  readonly load: Load;
}

interface Figures {
  deliveries: number;
  cpuMs: number;
  turns: number;
  published: number;
  latenciesMs: number[];
}

async function start(boundMs: number): Promise<Variant> {
  const settings = { shards: 1, "max-connections": CLIENTS + 100, "coalesce-max-ms": boundMs };
  const instance = await startInstance([
    ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    "--log-level=warn",
  ]);
  const load = new Load(instance.port, CLIENTS, 0);
  await load.ready;
  return { boundMs, instance, shards: await instance.shardPids(), load };
}

async function turnsOf({ instance }: Variant): Promise<number> {
  const text = await (await fetch(`${instance.admin}/metrics`)).text();
  return Number(/^shardcast_turns_total\{[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

async function measure(variant: Variant, rate: number, into: Figures): Promise<void> {
  const { shards, load } = variant;
  const turns = await turnsOf(variant);
  await load.counts(true);
  const cpu = cpuMs(shards);
  into.published += await publish(variant, rate);
  await Bun.sleep(700);
  const { messages, latenciesMs } = await load.counts();
  into.cpuMs += cpuMs(shards) - cpu;
  into.deliveries += messages;
  into.turns += (await turnsOf(variant)) - turns;
  into.latenciesMs.push(...latenciesMs);
}

/** One request for each message, when it is due, whether or not the server keeps up. Returns how many. */
async function publish({ instance }: Variant, rate: number): Promise<number> {
  const started = performance.now();
  const pending: Promise<unknown>[] = [];
  for (let number = 0; number < rate * SECONDS; number++) {
    const waitMs = started + (number * 1000) / rate - performance.now();
    if (waitMs > 0.5) await Bun.sleep(waitMs);
    const t = performance.timeOrigin + performance.now();
    const data = { t, symbol: "BTC", price: 64170.5, size: 0.01578, side: "buy", filler: "x".repeat(150) };
    const body = JSON.stringify([{ channel: "all", data }]);
    pending.push(fetch(`${instance.admin}/api/publish`, { method: "POST", body }).then((got) => got.text()));
  }
  await Promise.all(pending);
  return pending.length;
}

const variants: Variant[] = [];
for (const bound of flags.bounds.split(",")) variants.push(await start(Number(bound)));
for (const variant of variants) await publish(variant, 100);

const rows: Record<string, number>[] = [];
for (const rate of RATES) {
  const found = variants.map(
    (): Figures => ({ deliveries: 0, cpuMs: 0, turns: 0, published: 0, latenciesMs: [] }),
  );
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const [at, variant] of variants.entries()) await measure(variant, rate, found[at] as Figures);
  }
  const cpuUs = found.map(({ cpuMs, deliveries }) => (cpuMs * 1000) / deliveries);
  for (const [at, { deliveries, published, turns, latenciesMs }] of found.entries()) {
    rows.push({
      rate,
      boundMs: variants[at]?.boundMs ?? 0,
      perTurn: published / turns,
      cpuUs: cpuUs[at] ?? 0,
      cpuRatio: (cpuUs[at] ?? 0) / (cpuUs[0] ?? 0),
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      complete: deliveries / (published * CLIENTS),
    });
  }
}
for (const { instance, load } of variants) {
  load.end();
  await instance.end();
}

console.log(
  `${CLIENTS} clients of one channel, one shard, ${flags.rounds} × ${SECONDS} s each, ${navigator.hardwareConcurrency} cores, Bun ${Bun.version}\n`,
);
console.log(
  "| messages/s | bound, ms | messages per turn | CPU, µs/delivery | of that without | p50, ms | p99, ms |",
);
console.log("|---|---|---|---|---|---|---|");
for (const { rate, boundMs, perTurn = 0, cpuUs = 0, cpuRatio = 0, p50Ms = 0, p99Ms = 0, complete } of rows) {
  const cells = [
    rate,
    boundMs,
    Number.isFinite(perTurn) ? perTurn.toFixed(1) : "",
    cpuUs.toFixed(2),
    cpuRatio.toFixed(2),
    p50Ms.toFixed(1),
  ];
  console.log(
    `| ${[...cells, p99Ms.toFixed(1)].join(" | ")} |${complete === 1 ? "" : ` complete: ${complete}`}`,
  );
}
await writeResults("coalescing", { clients: CLIENTS, seconds: SECONDS, rounds: Number(flags.rounds), rows });
