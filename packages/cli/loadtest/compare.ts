import { readFile } from "node:fs/promises";
import { compareReports, comparisonText } from "@shardcast/loadtest/compare";
import { REPORT_VERSION, type Report } from "@shardcast/loadtest/report";
import { flag } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { type Command, EXIT, usageFailure } from "../command.ts";
import { readFlags } from "../readFlags.ts";

const FLAGS = {
  json: {
    name: "json",
    kind: flag(),
    group: "command",
    doc: "Print the rows as JSON.",
    default: false,
    where: "flag",
  },
} as const satisfies Record<string, Setting>;

export const compare: Command = {
  name: "loadtest compare",
  summary: "two reports of load tests beside each other",
  usage: "<first.json> <second.json> [flags]",
  description:
    "Prints each figure of both reports and how much it changed, and where the two scenarios differ. It judges nothing.",
  settings: FLAGS,
  examples: [
    { does: "before and after a change", line: "shardcast loadtest compare before.json after.json" },
    {
      does: "what got worse by a tenth",
      line: "shardcast loadtest compare a.json b.json --json | jq '.rows[] | select(.changeShare > 0.1)'",
    },
  ],
  exitCodes: { 0: "The comparison was printed.", 1: "It could not be written." },
  async run(context) {
    const { values, positionals } = readFlags(FLAGS, context);
    const [first, second, extra] = positionals;
    if (first === undefined || second === undefined || extra !== undefined)
      throw usageFailure("expected two reports", "shardcast loadtest compare <first.json> <second.json>");
    const comparison = compareReports(await readReport(first), await readReport(second));
    await context.stdout.write(
      values.json ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonText(comparison),
    );
    return EXIT.ok;
  },
};

async function readReport(file: string): Promise<Report> {
  const advice = "Name a file that shardcast loadtest --report wrote.";
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageFailure(`${file} cannot be read (${error.code ?? error.message})`, advice);
  });
  let found: Partial<Report> | null;
  try {
    found = JSON.parse(text) as Partial<Report> | null;
  } catch {
    throw usageFailure(`${file} is no report: it is not JSON`, advice);
  }
  if (typeof found !== "object" || found?.version !== REPORT_VERSION) {
    const version = found?.version === undefined ? "it has no version" : `its version is ${found.version}`;
    throw usageFailure(`${file} is no report of this program: ${version}, not ${REPORT_VERSION}`, advice);
  }
  return found as Report;
}
