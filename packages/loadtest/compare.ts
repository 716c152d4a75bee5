import type { Check, Report } from "./report.ts";
import { summaryOf } from "./summary.ts";

/** One report beside another: the second in terms of the first. */
export interface Comparison {
  readonly rows: readonly ComparedRow[];
  readonly brokenInSecondOnly: readonly Check[];
  readonly brokenInFirstOnly: readonly Check[];
  /** By key: what the two scenarios say, where that is not the same. null where one says nothing. */
  readonly scenarioDifferences: Readonly<
    Record<string, { readonly first: unknown; readonly second: unknown }>
  >;
}

export interface ComparedRow {
  readonly name: string;
  /** null where a report has no such figure. */
  readonly first: number | null;
  readonly second: number | null;
  /** 0.1 is a tenth more; null where there is nothing to compare with, and from nothing to something. */
  readonly changeShare: number | null;
  readonly shown: { readonly first: string; readonly second: string };
}

export function compareReports(a: Report, b: Report): Comparison {
  const right = summaryOf(b);
  const rows = summaryOf(a).map(([name, value, first = null], index): ComparedRow => {
    const [, other = "none", second = null] = right[index] ?? [];
    const changeShare = first === null || second === null || first === 0 ? null : second / first - 1;
    return { ...{ name, first, second, changeShare }, shown: { first: value, second: other } };
  });
  return {
    rows,
    brokenInSecondOnly: brokenOnlyIn(b, a),
    brokenInFirstOnly: brokenOnlyIn(a, b),
    scenarioDifferences: scenarioDifferences(a, b),
  };
}

/** For people. */
export function comparisonText(comparison: Comparison): string {
  const { rows, brokenInFirstOnly, brokenInSecondOnly } = comparison;
  const lines = rows.map(
    (row) =>
      `${row.name.padEnd(38)}${row.shown.first.padStart(14)}${row.shown.second.padStart(14)}  ${changeOf(row)}`,
  );
  const differences = Object.entries(comparison.scenarioDifferences).map(
    ([key, { first, second }]) => `  ${key}: ${said(first)} against ${said(second)}`,
  );
  const sections = [
    ["Broken in the second only:", brokenInSecondOnly.map(checkLine)],
    ["Broken in the first only:", brokenInFirstOnly.map(checkLine)],
    ["The scenarios differ:", differences],
  ] as const;
  for (const [title, found] of sections) if (found.length > 0) lines.push("", title, ...found);
  return `${"".padEnd(38)}${"first".padStart(14)}${"second".padStart(14)}  change\n${lines.join("\n")}\n`;
}

function changeOf({ first, second, changeShare }: ComparedRow): string {
  if (first === second && !first) return "same";
  if (changeShare !== null) return `${changeShare >= 0 ? "+" : ""}${(changeShare * 100).toFixed(1)} %`;
  // From nothing to something there is no percentage, and it is what matters most.
  return first === 0 && second !== null ? "was 0" : "";
}

function brokenOnlyIn(one: Report, other: Report): Check[] {
  const brokenToo = new Set(other.checks.filter(({ held }) => !held).map(({ name }) => name));
  return one.checks.filter(({ name, held }) => !held && !brokenToo.has(name));
}

function checkLine({ name, value, limit }: Check): string {
  return `  ${name}: ${value}, ${limit}`;
}

function scenarioDifferences(
  { scenario: a }: Report,
  { scenario: b }: Report,
): Comparison["scenarioDifferences"] {
  const [one, other]: ReadonlyArray<Readonly<Record<string, unknown>>> = [a, b];
  // What only one of them has, such as a spike, is a difference too.
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const found = keys.map(
    (key) => [key, { first: one?.[key] ?? null, second: other?.[key] ?? null }] as const,
  );
  return Object.fromEntries(
    found.filter(([, { first, second }]) => JSON.stringify(first) !== JSON.stringify(second)),
  );
}

function said(value: unknown): string {
  return value === null ? "none" : JSON.stringify(value);
}
