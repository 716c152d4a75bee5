// `npm run bench -- peers [--clients N] [--rate N] [--seconds S] [--batch N] [--only NAME] [--write-docs]`: the same load
// by the same clients against Shardcast, the floor, and servers that people would use in its place.
import { loadavg } from "node:os";
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { buildCentrifugo } from "./peers/centrifugo.ts";
import { PEERS } from "./peers/list.ts";
import { type Figures, measure } from "./peers/measure.ts";
import { peersTable, withTable } from "./peers/table.ts";
import { versions } from "./peers/versions.ts";
import { writeResults } from "./results.ts";
import { runOf } from "./runOf.ts";
import { BENCH_USAGE } from "./usage.ts";

const PAGE = new URL("../docs/benchmarks.md", import.meta.url).pathname;
const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "1000" },
    rate: { type: "string", default: "80" },
    seconds: { type: "string", default: "5" },
    batch: { type: "string", default: "4" },
    /** A part of a peer's name. */
    only: { type: "string", default: "" },
    "write-docs": { type: "boolean", default: false },
  },
});
const load = {
  clients: Number(flags.clients),
  rate: Number(flags.rate),
  seconds: Number(flags.seconds),
  batch: Number(flags.batch),
};

buildCentrifugo();
// What is measured, whatever changes in the meantime.
const run = runOf();
const [loadBefore = 0] = loadavg();
const figures: Figures[] = [];
const missing: Array<readonly [string, string]> = [];
for (const peer of PEERS.filter(({ name }) => name.toLowerCase().includes(flags.only.toLowerCase()))) {
  const reason = peer.missing();
  if (reason !== undefined) {
    console.error(`${peer.name} is not measured: ${reason}`);
    missing.push([peer.name, reason]);
    continue;
  }
  for (const instances of [1, 2]) {
    const found = await measure(peer, instances, load);
    figures.push(found);
    const { equal, saturated } = found;
    console.log(
      `${peer.name}, ${instances}: ${equal.cpuUsPerDelivery.toFixed(2)} µs/delivery, p99 ${equal.p99Ms.toFixed(1)} ms, ` +
        `complete ${equal.complete.toFixed(4)}, at most ${Math.round(saturated?.deliveriesPerSecond ?? 0)} deliveries/s`,
    );
  }
}
const [loadAfter = 0] = loadavg();
const results = {
  load,
  figures,
  missing,
  versions: versions(),
  run,
  loadAverages: [loadBefore, loadAfter] as const,
};
const table = peersTable(results);
console.log(`\n${table}\n`);
await writeResults("peers", results);
if (flags["write-docs"]) await Bun.write(PAGE, withTable(await Bun.file(PAGE).text(), table));
