import type { SeenResource } from "./mocks.ts";
import { rules } from "./monitoring/query.ts";

/** Longer values are told by their first line: user-data and dashboards are read in their own tests. */
const VALUE_LENGTH_MAX = 110;

/** How Pulumi marks a value that is not to be seen. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

/** The resources, by type and name, each with what was asked for. Alerts of Prometheus' rules are told in one line. */
export function planText(resources: readonly SeenResource[]): string {
  const known = new Set(rules().map(({ alert }) => `alert-${alert}`));
  const own = resources.filter(({ name }) => !known.has(name));
  const sorted = own.toSorted((a, b) => a.type.localeCompare(b.type) || a.name.localeCompare(b.name));
  const alerts =
    own.length < resources.length ? ["monitoring.AlertPolicy for each rule of deploy/prometheus/rules"] : [];
  return [`${own.length} resources`, ...alerts, ...sorted.map(told)].join("\n\n");
}

function told({ type, name, inputs, isProtected }: SeenResource): string {
  const head = `${type.replace(/^gcp:(\w+)\/\w+:/, "$1.")} ${name}${isProtected ? " (protected)" : ""}`;
  return [head, ...lines(inputs, "  ")].join("\n");
}

function lines(value: unknown, indent: string): string[] {
  if (isSecret(value)) return [`${indent}(secret)`];
  if (Array.isArray(value) && !value.every(isPlain))
    return value.flatMap((entry) => {
      const [first = "", ...rest] = lines(entry, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return [`${indent}${plain(value)}`];
  return Object.entries(value).flatMap(([key, entry]) =>
    isPlain(entry) || (Array.isArray(entry) && entry.every(isPlain))
      ? [`${indent}${key}: ${plain(entry)}`]
      : [`${indent}${key}:`, ...lines(entry, `${indent}  `)],
  );
}

export function isSecret(value: unknown): boolean {
  return typeof value === "object" && value !== null && SECRET_MARK in value;
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function plain(value: unknown): string {
  const text = Array.isArray(value) ? `[${value.map(String).join(", ")}]` : String(value);
  const [first = ""] = text.split("\n");
  return first.length < text.length || text.length > VALUE_LENGTH_MAX
    ? `${first.slice(0, VALUE_LENGTH_MAX)} …`
    : text;
}
