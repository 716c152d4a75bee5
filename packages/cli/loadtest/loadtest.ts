import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Access } from "@shardcast/loadtest/access";
import { compareReports } from "@shardcast/loadtest/compare";
import { runLoadTest } from "@shardcast/loadtest/coordinator";
import { htmlOf } from "@shardcast/loadtest/html";
import { REPORT_VERSION, type Report, type Sample } from "@shardcast/loadtest/report";
import { readScenario, type Scenario } from "@shardcast/loadtest/scenario";
import { countsOf, summaryOf } from "@shardcast/loadtest/summary";
import { kafkaConnection } from "@shardcast/server/config/compose";
import { connectionContradictions } from "@shardcast/server/config/kafkaContradictions";
import { readSettings } from "@shardcast/server/config/readSettings";
import { SETTINGS } from "@shardcast/server/config/settings";
import { type Command, type CommandContext, CommandFailure, EXIT, usageFailure } from "../command.ts";
import { reportProblems } from "../reportProblems.ts";
import { Display } from "./display.ts";
import { LOADTEST_SETTINGS, SCENARIO_SETTINGS } from "./settings.ts";
import { THRESHOLD_SETTINGS } from "./thresholdSettings.ts";

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
    const scenario = await scenarioOf(values.scenario, {
      ...given(values, Object.keys(SCENARIO_SETTINGS)),
      thresholds: given(values, Object.keys(THRESHOLD_SETTINGS)),
    });
    const kafka = kafkaConnection(values, "shardcast-loadtest");
    refuseWhatIsMissing(scenario, kafka !== undefined);
    const { token, tokenBy, apiKey, tlsCa: ca, tlsInsecure: isInsecure } = values;
    const access: Access = { token, tokenBy, apiKey, tls: { ca, isInsecure } };
    await refuseWhatCannotBeWritten(values.json);
    const display = new Display(scenario, context.stderr, context.paint.stderr);
    const onSample = (sample: Sample) => display.show(sample);
    const report = await runLoadTest({ scenario, access, kafka, signal: context.signal, onSample });
    // First what needs no disk.
    await context.stdout.write(textOf(report, context));
    await Bun.write(values.json, `${JSON.stringify(report)}\n`);
    const page = pageOf(values.json);
    await Bun.write(page, htmlOf(report));
    await context.stdout.write(`\nwritten: ${values.json}, ${page}\n`);
    return report.checks.every(({ held }) => held) ? EXIT.ok : EXIT.failed;
  },
};

function given(values: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]])));
}

function refuseWhatIsMissing({ publish, admins, withoutMetrics }: Scenario, hasKafka: boolean): void {
  if (publish === "kafka" && !hasKafka)
    throw usageFailure("publishing through Kafka needs brokers", "Add --kafka-brokers host:port.");
  if (publish === "http" && admins.length === 0)
    throw usageFailure("publishing through HTTP needs an admin port", "Add --admins http://127.0.0.1:3001.");
  if (admins.length === 0 && !withoutMetrics)
    throw usageFailure(
      "the servers' own figures need their admin ports",
      "Add --admins http://127.0.0.1:3001, or --without-metrics to do without.",
    );
}

function pageOf(json: string): string {
  return `${json.replace(/\.json$/, "")}.html`;
}

/** Better now than after an hour's run. What is there already stays as it is until then. */
async function refuseWhatCannotBeWritten(json: string): Promise<void> {
  for (const file of [json, pageOf(json)]) {
    try {
      await mkdir(dirname(file), { recursive: true });
      await (await open(file, "a")).close();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new CommandFailure(`the report cannot be written to ${file}: ${message}`, {
        ...{ cause: error, exitCode: EXIT.usage, advice: "Name another file with --json." },
      });
    }
  }
}

async function scenarioOf(file: string | undefined, over: Record<string, unknown>): Promise<Scenario> {
  try {
    return readScenario(file === undefined ? "" : await readFile(file, "utf8"), over);
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

function textOf(report: Report, { paint }: CommandContext): string {
  const rows = summaryOf(report).map(([name, value]) => `  ${name.padEnd(40)}${value.padStart(14)}`);
  const counts = countsOf(report).map(([name, text]) => `  ${name.padEnd(40)}  ${text}`);
  const checks = report.checks.map(({ name, held, value, limit }) => {
    const sign = held ? paint.stdout.green("held  ") : paint.stdout.red("BROKEN");
    return `  ${sign} ${name.padEnd(40)}${value.padStart(14)}  ${limit}`;
  });
  const notes = report.notes.map((note) => `  ${paint.stdout.yellow("note")}   ${note}`);
  const broken = report.checks.filter(({ held }) => !held).map(({ name }) => name);
  const verdict =
    broken.length === 0
      ? paint.stdout.green(`passed: all ${checks.length} checks held`)
      : paint.stdout.red(`FAILED: ${broken.join(", ")}`);
  return `${[...rows, ...counts, "", ...checks, ...notes, "", verdict].join("\n")}\n`;
}
