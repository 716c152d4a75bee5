import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { DASHBOARDS, metricsOf, type Panel } from "../../grafana/dashboards.ts";

/** Where the collector's metrics stand in Cloud Monitoring, and how its PromQL writes that. */
export const METRIC_PREFIX = "custom.googleapis.com";
const PROMQL_PREFIX = "custom_googleapis_com:";

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

interface RuleFile {
  readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Partial<Rule>> }>;
}

/** The alerts of deploy/prometheus, which hold here too. Whether a machine answers at all the group sees itself. */
export function rules(): Rule[] {
  const path = new URL("../../prometheus/rules/shardcast.yml", import.meta.url);
  const file = parse(readFileSync(path, "utf8")) as RuleFile;
  return file.groups.flatMap(({ rules }) => rules).filter((rule) => isAlert(rule));
}

function isAlert(rule: Partial<Rule>): rule is Rule {
  return rule.alert !== undefined && metricsOf(rule.expr ?? "").length > 0;
}

/** Whether a panel shows what a machine says of itself; the others show what Prometheus says of its scrapes. */
export function hasMetrics({ queries }: Pick<Panel, "queries">): boolean {
  return Object.values(queries).every((query) => metricsOf(query).length > 0);
}

/** What the collector sends on. The rest stays on the machine: each sample that is stored is paid for. */
export function exportedMetrics(): string[] {
  const queries = [
    ...rules().map(({ expr }) => expr),
    ...DASHBOARDS.flatMap(({ panels }) => panels).flatMap(({ queries }) => Object.values(queries)),
  ];
  return [...new Set(queries.flatMap(metricsOf))].sort();
}

/**
 * A query of Prometheus as Cloud Monitoring reads it: metrics with their prefix and of this cluster alone, machines by their
 * id, regions apart, without the labels that Prometheus' own scrape adds, and no rate over less than a few of the collector's
 * samples.
 */
export function cloudQuery(query: string, cluster: string): string {
  const plain = query
    .replaceAll(/(?:job="[^"]*"|instance=~"\$instance")(?:,\s*)?/g, "")
    .replaceAll(/,\s*\}/g, "}");
  return plain
    .replaceAll(
      /\b((?:shardcast|process|nodejs)_[a-z0-9_]+)\b(?:\{([^}]*)\})?/g,
      (_, metric: string, labels?: string) =>
        `${PROMQL_PREFIX}${metric}{${[`cluster="${cluster}"`, labels ?? ""].filter((part) => part !== "").join(",")}}`,
    )
    .replaceAll(/\binstance\b/g, "instance_id")
    .replaceAll("by (stream)", "by (region, stream)")
    .replaceAll("by (job)", "by (region)")
    .replaceAll("[1m]", "[2m]");
}
