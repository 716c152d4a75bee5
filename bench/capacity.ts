// `npm run bench -- capacity [12k] [50k] [100k] [--bus redis|nats] [--hold-seconds N]`: the capacity scenarios, each against a
// cluster of its own with a real Kafka and a real bus, everything on this machine; the reports go to bench/results.
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { buildBundle } from "../test/bundle.fixture.ts";
import { startCluster } from "../test/cluster.fixture.ts";
import { runScenario, TOPIC } from "./scenarioRun.ts";
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

/** Headroom also in the instance: one that is to hold 50,000 and may hold no more refuses while others still say goodbye. */
const CLIENTS_PER_SHARD_MAX = 19_000;

const { values, positionals } = scriptFlags(BENCH_USAGE, {
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    bus: { type: "string", default: "redis" },
    "hold-seconds": { type: "string" },
  },
});
const chosen = positionals.filter((name) => name !== "capacity");

// As `npm start` and the image run it.
const bundle = await buildBundle();
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
    bundle: bundle.directory,
    flags: ["--max-connections", `${shape.shards * CLIENTS_PER_SHARD_MAX}`, "--log-level", "warn"],
  });
  try {
    const hold = values["hold-seconds"];
    const { code, memory } = await runScenario(
      name,
      cluster,
      hold === undefined ? {} : { "--hold-seconds": hold },
    );
    if (code !== 0) failed += 1;
    const mib = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
    console.log(
      `  memory of the ${memory.processes} supervisors and shards at most: RSS ${mib(memory.rssBytes)}, of which each page counted once (PSS) ${mib(memory.pssBytes)}`,
    );
  } finally {
    await cluster.stop();
  }
}
bundle.remove();
process.exit(failed === 0 ? 0 : 1);
