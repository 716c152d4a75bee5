// `npm run bench [-- fanout|latency|cluster|coalescing|events|deflate|capacity|profile|storm|slow|soak|peers]`: all but those that take a quarter of an hour, unless
// one is named. Each prints a table and writes its figures as JSON.
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
const [named] = process.argv.slice(2);
if (process.argv.includes("--help")) {
  console.log(BENCH_USAGE);
  process.exit(0);
}
if (named !== undefined && !named.startsWith("-") && !BENCHES.includes(named)) {
  console.error(`no such bench: ${named}. There are ${BENCHES.join(", ")}.\n\n${BENCH_USAGE}`);
  process.exit(2);
}
const chosen = named === undefined || named.startsWith("-") ? USUAL : [named];
for (const bench of chosen) await import(`./${bench}.ts`);
