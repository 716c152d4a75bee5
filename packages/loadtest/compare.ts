import type { Report } from "./report.ts";
import { summaryOf } from "./summary.ts";

/** One report beside another: the second in terms of the first. */
export function compareReports(a: Report, b: Report): string {
  const right = summaryOf(b);
  const lines = summaryOf(a).map(([name, value, first], index) => {
    const [, other = "none", second] = right[index] ?? [];
    return `${name.padEnd(38)}${value.padStart(14)}${other.padStart(14)}  ${changeOf(first, second)}`;
  });
  const sections = [
    ["Broken in the second only:", brokenOnlyIn(b, a)],
    ["Broken in the first only:", brokenOnlyIn(a, b)],
    ["The scenarios differ:", scenarioDifferences(a, b)],
  ] as const;
  for (const [title, found] of sections) if (found.length > 0) lines.push("", title, ...found);
  return `${"".padEnd(38)}${"first".padStart(14)}${"second".padStart(14)}  change\n${lines.join("\n")}\n`;
}

function changeOf(first: number | undefined, second: number | undefined): string {
  if (first === second && !first) return "same";
  if (first === undefined || second === undefined) return "";
  // From nothing to something there is no percentage, and it is what matters most.
  if (first === 0) return "was 0";
  return `${second >= first ? "+" : ""}${((second / first - 1) * 100).toFixed(1)} %`;
}

function brokenOnlyIn(one: Report, other: Report): string[] {
  const brokenToo = new Set(other.checks.filter(({ held }) => !held).map(({ name }) => name));
  return one.checks
    .filter(({ name, held }) => !held && !brokenToo.has(name))
    .map(({ name, value, limit }) => `  ${name}: ${value}, ${limit}`);
}

function scenarioDifferences({ scenario: a }: Report, { scenario: b }: Report): string[] {
  const [first, second]: ReadonlyArray<Readonly<Record<string, unknown>>> = [a, b];
  // What only one of them has, such as a spike, is a difference too.
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const [before, after] = [first, second].map((scenario) => JSON.stringify(scenario?.[key]) ?? "none");
    return before === after ? [] : [`  ${key}: ${before} against ${after}`];
  });
}
