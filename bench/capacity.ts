// `npm run bench -- capacity [12k] [50k] [100k] [--bus redis|nats] [--hold-seconds N]`: the capacity scenarios, each against a
// cluster of its own with a real Kafka and a real bus, everything on this machine; the reports go to bench/results.
import { mkdirSync } from "node:fs";
import { parse, stringify } from "yaml";
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startCluster, type TestCluster } from "../test/cluster.fixture.ts";
import { childrenOf, pssBytes, rssBytes } from "./processes.ts";
import { BENCH_USAGE } from "./usage.ts";

interface Shape {
  readonly instances: number;
  readonly shards: number;
}

/** As many shards as the limit of open files asks for, where that is 20,000, with headroom for an uneven spread. */
const SHAPES: Readonly<Record<string, Shape>> = {
  "12k": { instances: 2, shards: 3 },
  "50k": { instances: 2, shards: 2 },
  "100k": { instances: 2, shards: 3 },
};
const TOPIC = "load";
const MEMORY_INTERVAL_MS = 5000;

const { values, positionals } = scriptFlags(BENCH_USAGE, {
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    bus: { type: "string", default: "redis" },
    "hold-seconds": { type: "string" },
  },
});
const chosen = positionals.filter((name) => name !== "capacity");
const results = `${import.meta.dir}/results`;
mkdirSync(results, { recursive: true });

let failed = 0;
for (const name of chosen.length > 0 ? chosen : Object.keys(SHAPES)) {
  const shape = SHAPES[name];
  if (shape === undefined)
    throw new Error(`no such scenario: ${name}. There are ${Object.keys(SHAPES).join(", ")}.`);
  console.log(`— ${name}: ${shape.instances} instances of ${shape.shards} shards on ${values.bus}`);
  const cluster = await startCluster({
    ...shape,
    bus: values.bus === "nats" ? "nats" : "redis",
    topics: [{ name: TOPIC, partitions: 3 }],
    flags: ["--max-connections", "auto", "--log-level", "warn"],
  });
  try {
    if ((await load(name, cluster)) !== 0) failed += 1;
  } finally {
    await cluster.stop();
  }
}
process.exit(failed === 0 ? 0 : 1);

/** Clients connect to the instances in turn, past the balancer, which would take a part of these cores for itself. */
async function load(name: string, { kafka, redis, nats, members }: TestCluster): Promise<number> {
  const scenario = parse(await Bun.file(`${import.meta.dir}/../loadtests/${name}.yaml`).text()) as object;
  const file = `${results}/capacity-${name}.yaml`;
  const busPages = { ...(redis && { redis: redis.url }), ...(nats && { nats: nats.monitoringUrl }) };
  await Bun.write(file, stringify({ ...scenario, ...busPages }));
  const flags = {
    "--scenario": file,
    "--urls": members.map(({ port }) => `ws://127.0.0.1:${port}/ws`).join(","),
    "--admins": members.map(({ adminPort }) => `http://127.0.0.1:${adminPort}`).join(","),
    "--publish": "kafka",
    "--topic": TOPIC,
    "--kafka-brokers": kafka.brokers.join(","),
    "--json": `${results}/capacity-${name}-${values.bus}.json`,
    ...(values["hold-seconds"] !== undefined && { "--hold-seconds": values["hold-seconds"] }),
  };
  const command = [process.execPath, `${import.meta.dir}/../packages/cli/main.ts`, "loadtest"];
  const child = Bun.spawn([...command, ...Object.entries(flags).flat()], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const memory = watchMemory(
    members.flatMap(({ instance }) => (instance === undefined ? [] : [instance.pid])),
  );
  const code = await child.exited;
  const mib = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
  const { rssBytes, pssBytes, processes } = memory.stop();
  console.log(
    `  memory of the ${processes} supervisors and shards at most: RSS ${mib(rssBytes)}, of which each page counted once (PSS) ${mib(pssBytes)}`,
  );
  return code;
}

/** RSS counts the runtime's own pages, which the processes share, once for each of them; PSS does not. */
function watchMemory(supervisors: readonly number[]) {
  let most = { rssBytes: 0, pssBytes: 0, processes: 0 };
  const timer = setInterval(() => {
    const pids = supervisors.flatMap((pid) => [pid, ...childrenOf(pid)]);
    const now = { rssBytes: rssBytes(pids), pssBytes: pssBytes(pids), processes: pids.length };
    if (now.rssBytes > most.rssBytes) most = now;
  }, MEMORY_INTERVAL_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}
