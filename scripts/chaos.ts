// `npm run chaos -- [--bus redis|nats] [--seed N] [--minutes N]`: breaks a cluster of real parts on this machine, and
// checks that every client has every record once and in order. Ends with 1 when one has not.
import { mkdirSync } from "node:fs";
import { type ChaosReport, runChaos } from "../test/chaos/chaos.ts";
import { scriptFlags } from "./scriptFlags.ts";

const USAGE = "npm run chaos -- [--bus redis|nats] [--seed <whole number>] [--minutes <number>]";

const { values } = scriptFlags(USAGE, {
  options: {
    bus: { type: "string", default: "redis" },
    seed: { type: "string" },
    minutes: { type: "string", default: "5" },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (!["redis", "nats"].includes(values.bus) || !(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.log(USAGE);
  process.exit(2);
}

const report = await runChaos({
  bus: values.bus === "nats" ? "nats" : "redis",
  seed,
  minutes,
  onLine: (line) => console.log(line),
});
const directory = new URL("../test/chaos/results/", import.meta.url).pathname;
mkdirSync(directory, { recursive: true });
const file = `${directory}${report.bus}-${seed}-${new Date().toISOString().replaceAll(":", "-")}.json`;
await Bun.write(file, JSON.stringify(report, undefined, 2));
console.log(summary(report));
console.log(`written: ${file}`);
const isClean = report.violations.length === 0 && report.behind.length === 0 && report.logFault === undefined;
process.exit(isClean && report.gaps.length === 0 && report.deliveries > 0 ? 0 : 1);

function summary(found: ChaosReport): string {
  const byFault = Map.groupBy(found.faults, ({ fault }) => fault);
  const rows = [...byFault].map(([fault, done]) => {
    const worstMs = Math.max(...done.map(({ worstMs }) => worstMs));
    const connectedMs = Math.max(...done.map((each) => each.connectedMs));
    const cells = [worstMs, connectedMs].map((ms) => `${(ms / 1000).toFixed(1)} s`.padStart(18));
    return `  ${fault.padEnd(38)}${String(done.length).padStart(5)}${cells.join("")}`;
  });
  return [
    "",
    `  ${"fault".padEnd(38)}${"times".padStart(5)}${"worst delay".padStart(18)}${"while connected".padStart(18)}`,
    ...rows,
    "",
    `  ${found.bus}, seed ${found.seed}: ${found.faults.length} faults in ${Math.round(found.seconds / 60)} minutes, ${found.clients} clients`,
    `  ${found.records} records, ${found.deliveries} deliveries, ${found.reconnects} reconnects`,
    `  violations ${found.violations.length}, gaps ${found.gaps.length}, clients' channels behind ${found.behind.length}, log ${found.logFault ?? "as sent"}`,
    ...found.violations.slice(0, 20).map((violation) => `  ${JSON.stringify(violation)}`),
    ...found.gaps.slice(0, 20).map((gap) => `  gap: ${gap}`),
    ...found.behind.slice(0, 20).map((channel) => `  behind: ${channel}`),
  ].join("\n");
}
