// `npm run bench [-- fanout|latency|cluster|coalescing|events|deflate|capacity|profile|storm|slow|soak|peers]`: all but those that take a quarter of an hour, unless
// one is named. Each prints a table and writes its figures as JSON.
import { scriptFlags, scriptName } from "../scripts/scriptFlags.ts";
import { BENCH_USAGE } from "./usage.ts";

const USUAL = ["fanout", "latency", "cluster"];
const BENCHES = [
  ...USUAL,
  "coalescing",
  "events",
  "deflate",
  "capacity",
  "profile",
  "storm",
  "slow",
  "soak",
  "peers",
];
/** A flag beside one of their names is a slip; without a name it is for those that run with them. */
const WITHOUT_FLAGS = ["latency", "cluster"];
const named = scriptName(BENCH_USAGE, "bench", BENCHES);
if (named === undefined ? process.argv.includes("--help") : WITHOUT_FLAGS.includes(named)) {
  scriptFlags(BENCH_USAGE, { allowPositionals: true });
}
for (const bench of named === undefined ? USUAL : [named]) await import(`./${bench}.ts`);
