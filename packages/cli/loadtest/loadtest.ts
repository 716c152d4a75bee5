import type { Access } from "@shardcast/loadtest/access";
import { runLoadTest } from "@shardcast/loadtest/coordinator";
import type { Report, Sample } from "@shardcast/loadtest/report";
import type { Scenario } from "@shardcast/loadtest/scenario";
import { countsOf, summaryOf } from "@shardcast/loadtest/summary";
import { kafkaConnection } from "@shardcast/server/config/compose";
import { connectionContradictions } from "@shardcast/server/config/kafkaContradictions";
import { readSettings } from "@shardcast/server/config/readSettings";
import { SETTINGS } from "@shardcast/server/config/settings";
import { type Command, type CommandContext, EXIT, usageFailure } from "../command.ts";
import { refuseWords, settingsFailure } from "../readFlags.ts";
import { Display } from "./display.ts";
import { requireListeners } from "./listeners.ts";
import { type ReportFiles, reportFiles, writeReport } from "./reportFiles.ts";
import { scenarioOf } from "./scenarioFile.ts";
import { LOADTEST_SETTINGS, SCENARIO_SETTINGS } from "./settings.ts";
import { THRESHOLD_SETTINGS } from "./thresholdSettings.ts";

export const loadtest: Command = {
  name: "loadtest",
  summary: "load a server with many clients, and count what each of them got",
  usage: "[--scenario <path>] [flags]",
  description:
    "Holds many clients in several processes, publishes numbered messages, and checks for each client and channel that " +
    "all came, once and in order. Ends with a table, a JSON file and a page. Ctrl-C ends it early, " +
    "with a report. docs/load-testing.md describes scenarios and figures.",
  settings: LOADTEST_SETTINGS,
  examples: [
    { does: "a minute's look", line: "shardcast loadtest --scenario loadtests/smoke.yaml" },
    {
      does: "another server, more clients",
      line: "shardcast loadtest --urls ws://127.0.0.1:3000/ws --admins http://127.0.0.1:3001 --connections 5000",
    },
    {
      does: "the figures for another program",
      line: "shardcast loadtest --scenario loadtests/smoke.yaml --json | jq '{ok, lost, p99: .latencyMs.p99}'",
    },
  ],
  exitCodes: {
    0: "Every threshold held.",
    1: "One did not, it was ended early, or there is no server.",
  },
  async run(context) {
    const read = readSettings(LOADTEST_SETTINGS, context, SETTINGS);
    const problems = [...read.problems, ...connectionContradictions(read)];
    if (problems.length > 0) throw settingsFailure(problems);
    const [word] = read.positionals;
    if (word?.endsWith(".json"))
      throw usageFailure(
        `${word} belongs to no flag`,
        `The report goes where --report says: --report ${word}`,
      );
    refuseWords(loadtest.name, read.positionals);
    const { values } = read;
    const scenario = await scenarioOf(values.scenario, {
      ...given(values, Object.keys(SCENARIO_SETTINGS)),
      thresholds: given(values, Object.keys(THRESHOLD_SETTINGS)),
    });
    const kafka = kafkaConnection(values, "shardcast-loadtest");
    refuseWhatIsMissing(scenario, kafka !== undefined);
    const { token, tokenBy, apiKey, tlsCa: ca, tlsInsecure: isInsecure } = values;
    const access: Access = { token, tokenBy, apiKey, tls: { ca, isInsecure } };
    await requireListeners(
      [
        { flag: "--urls", urls: scenario.urls },
        { flag: "--admins", urls: scenario.withoutMetrics ? [] : scenario.admins },
      ],
      context.signal,
    );
    const files = await reportFiles(values.report);
    const display = new Display(scenario, context.stderr, context.paint.stderr);
    const onSample = (sample: Sample) => display.show(sample);
    const report = await runLoadTest({ scenario, access, kafka, signal: context.signal, onSample });
    // First what needs no disk.
    await context.stdout.write(values.json ? jsonOf(report, files) : textOf(report, context));
    await writeReport(report, files);
    await context.stderr.write(`written: ${files.report}, ${files.page}\n`);
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

function jsonOf(report: Report, files: ReportFiles): string {
  const { samples: _, latencyHistogram: __, ...figures } = report;
  const ok = report.checks.every(({ held }) => held);
  return `${JSON.stringify({ ok, files, ...figures }, null, 2)}\n`;
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
