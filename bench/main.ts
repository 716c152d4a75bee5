// `npm run bench [-- fanout|latency|cluster]`: all unless one is named. Each prints a table and writes its figures as JSON.
export {};

const BENCHES = ["fanout", "latency", "cluster"];
const [named] = process.argv.slice(2);
if (named !== undefined && !named.startsWith("-") && !BENCHES.includes(named)) {
  console.error(`no such bench: ${named}. There are ${BENCHES.join(", ")}.`);
  process.exit(2);
}
const chosen = BENCHES.filter((bench) => named === undefined || named.startsWith("-") || named === bench);
for (const bench of chosen) await import(`./${bench}.ts`);
