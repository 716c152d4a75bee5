import { readFile } from "node:fs/promises";
import { runLoadTest } from "@shardcast/loadtest/coordinator";
import { htmlOf } from "@shardcast/loadtest/html";
import { REPORT_VERSION, type Report, type Sample } from "@shardcast/loadtest/report";
import { readScenario, type Scenario } from "@shardcast/loadtest/scenario";
import { compareReports, countsOf, shown, summaryOf } from "@shardcast/loadtest/summary";
import { kafkaConnection } from "@shardcast/server/config/compose";
import { connectionContradictions } from "@shardcast/server/config/kafkaContradictions";
import { readSettings } from "@shardcast/server/config/readSettings";
import { SETTINGS } from "@shardcast/server/config/settings";
import { type Command, type CommandContext, CommandFailure, EXIT, usageFailure } from "../command.ts";
import { reportProblems } from "../reportProblems.ts";
import { LOADTEST_SETTINGS, OVER_SCENARIO } from "./settings.ts";

export const loadtest: Command = {
  name: "loadtest",
  summary: "load a server with many clients, and count what each of them got",
  usage: "[--scenario <path>] [flags] | compare <a.json> <b.json>",
  description:
    "Holds many clients in several processes, publishes numbered messages, and checks for each client and channel that " +
    "all came, once and in order. Ends with a table, a JSON file and a page. The exit code is 0 only where every " +
    "threshold held. Ctrl-C ends it early, with a report.",
  settings: LOADTEST_SETTINGS,
  examples: [
    { does: "a minute's look", line: "shardcast loadtest --scenario loadtests/smoke.yaml" },
    {
      does: "another server, more clients",
      line: "shardcast loadtest --urls ws://127.0.0.1:3000/ws --admins http://127.0.0.1:3001 --connections 5000",
    },
    { does: "two reports beside each other", line: "shardcast loadtest compare before.json after.json" },
  ],
  async run(context) {
    const read = readSettings(LOADTEST_SETTINGS, context, SETTINGS);
    const problems = [...read.problems, ...connectionContradictions(read)];
    if (problems.length > 0) {
      await reportProblems(problems, context);
      return EXIT.usage;
    }
    const [word, first, second, extra] = read.positionals;
    if (word === "compare" && first !== undefined && second !== undefined && extra === undefined) {
      await context.stdout.write(compareReports(await readReport(first), await readReport(second)));
      return EXIT.ok;
    }
    if (word !== undefined)
      throw usageFailure(`${word} is not understood`, "shardcast loadtest compare <a.json> <b.json>");
    const { values } = read;
    const scenario = await scenarioOf(
      values.scenario,
      Object.fromEntries(OVER_SCENARIO.map((key) => [key, values[key]])),
    );
    const kafka = kafkaConnection(values, "shardcast-loadtest");
    if (scenario.publish === "kafka" && kafka === undefined)
      throw usageFailure("publishing through Kafka needs brokers", "Add --kafka-brokers host:port.");
    if (scenario.publish === "http" && scenario.admins.length === 0)
      throw usageFailure(
        "publishing through HTTP needs an admin port",
        "Add --admins http://127.0.0.1:3001.",
      );
    const { signal } = context;
    const onSample = (sample: Sample, phase: string) => tell(context, scenario, sample, phase);
    const report = await runLoadTest({ scenario, kafka, signal, onSample });
    await Bun.write(values.json, `${JSON.stringify(report)}\n`);
    const page = `${values.json.replace(/\.json$/, "")}.html`;
    await Bun.write(page, htmlOf(report));
    await context.stdout.write(textOf(report, context));
    await context.stdout.write(`\nwritten: ${values.json}, ${page}\n`);
    return report.checks.every(({ held }) => held) ? EXIT.ok : EXIT.failed;
  },
};

async function scenarioOf(file: string | undefined, flags: Record<string, unknown>): Promise<Scenario> {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  try {
    return readScenario(file === undefined ? "" : await readFile(file, "utf8"), given);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`the scenario ${file ?? "of the flags"} cannot be used: ${message}`, {
      cause: error,
      advice: "docs/load-testing.md lists what a scenario may hold.",
      exitCode: EXIT.usage,
    });
  }
}

async function readReport(file: string): Promise<Report> {
  try {
    const report = JSON.parse(await readFile(file, "utf8")) as Report;
    if (report.version !== REPORT_VERSION)
      throw new Error(`its version is ${report.version}, not ${REPORT_VERSION}`);
    return report;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`${file} is no report: ${message}`, { cause: error, exitCode: EXIT.usage });
  }
}

const BAR = 20;

/** One line that changes on a terminal; elsewhere a line every ten seconds. */
function tell({ stderr }: CommandContext, scenario: Scenario, sample: Sample, phase: string): void {
  const { connected, deliveriesPerSecond, p50Ms, p99Ms, generatorCpuShare, atSeconds } = sample;
  if (!stderr.isTerminal && Math.round(atSeconds) % 10 !== 0) return;
  const done = Math.min(BAR, Math.round((connected / scenario.connections) * BAR));
  const text =
    `${phase.padEnd(10)} ${Math.round(atSeconds)} s  [${"█".repeat(done)}${"·".repeat(BAR - done)}] ${shown(connected)} clients  ` +
    `${shown(Math.round(deliveriesPerSecond))}/s  p50 ${p50Ms?.toFixed(1) ?? "–"} p99 ${p99Ms?.toFixed(1) ?? "–"} ms  ` +
    `generator ${(generatorCpuShare * 100).toFixed(0)} %${generatorCpuShare > scenario.thresholds.generatorCpuShareMax ? " (the bottleneck)" : ""}`;
  // Not waited for: a reader that is gone is no reason to end a run.
  stderr.write(stderr.isTerminal ? `\r\x1b[2K${text}` : `${text}\n`).catch(() => undefined);
}

function textOf(report: Report, { paint, stderr }: CommandContext): string {
  const rows = summaryOf(report).map(([name, value]) => `  ${name.padEnd(40)}${value.padStart(14)}`);
  const counts = countsOf(report).map(([name, text]) => `  ${name.padEnd(40)}  ${text}`);
  const checks = report.checks.map(({ name, held, value, limit }) => {
    const sign = held ? paint.stdout.green("held  ") : paint.stdout.red("BROKEN");
    return `  ${sign} ${name.padEnd(40)}${value.padStart(14)}  ${limit}`;
  });
  return `${stderr.isTerminal ? "\n" : ""}${[...rows, ...counts, "", ...checks].join("\n")}\n`;
}
