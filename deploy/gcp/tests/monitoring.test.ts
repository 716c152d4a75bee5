import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { collectorConfig } from "../monitoring/collector.ts";
import { cloudQuery, exportedMetrics, rules } from "../monitoring/query.ts";
import { readSettings } from "../settings/read.ts";
import { readStackFile } from "../settings/stackFile.ts";
import { EXAMPLES, example, GCP, ofType } from "./examples.ts";

const METRIC = /custom_googleapis_com:(\w+)(\{[^}]*\})?/g;

async function queries(name: string): Promise<string[]> {
  const resources = await example(name);
  const dashboards = ofType(resources, "Dashboard").map(({ inputs }) => inputs["dashboardJson"] as string);
  const panels = [...dashboards.join("").matchAll(/"prometheusQuery":("(?:[^"\\]|\\.)*")/g)];
  const alerts = ofType(resources, "AlertPolicy").flatMap(({ inputs }) =>
    JSON.stringify(inputs).includes("conditionPrometheusQueryLanguage") ? [alertQuery(inputs)] : [],
  );
  return [...panels.map(([, text = ""]) => JSON.parse(text) as string), ...alerts];
}

function alertQuery(inputs: Readonly<Record<string, unknown>>): string {
  const [{ conditionPrometheusQueryLanguage }] = inputs["conditions"] as [
    { conditionPrometheusQueryLanguage: { query: string } },
  ];
  return conditionPrometheusQueryLanguage.query;
}

describe.each(EXAMPLES)("%s", (name) => {
  test("asks for metrics that the collector sends, of this cluster alone", async () => {
    const all = await queries(name);
    expect(all.length).toBeGreaterThan(40);
    const settings = readSettings(readStackFile(`${GCP}examples/${name}`));
    for (const query of all) {
      const metrics = [...query.matchAll(METRIC)];
      expect(metrics.length).toBeGreaterThan(0);
      for (const [, metric = "", labels = ""] of metrics) {
        expect(exportedMetrics()).toContain(metric);
        expect(labels).toContain(`cluster="${settings.name}"`);
      }
      // What only Prometheus' own scrape would add.
      expect(query).not.toMatch(/\bjob\b|\$instance|\binstance\b/);
    }
  });
});

test("a query keeps what it asks for", () => {
  expect(
    cloudQuery('max by (instance, shard) (nodejs_eventloop_lag_p99_seconds{job="shardcast"}) > 0.5', "c"),
  ).toBe(
    'max by (instance_id, shard) (custom_googleapis_com:nodejs_eventloop_lag_p99_seconds{cluster="c"}) > 0.5',
  );
  expect(cloudQuery('sum(rate(shardcast_closes_total{instance=~"$instance",code!="1000"}[1m]))', "c")).toBe(
    'sum(rate(custom_googleapis_com:shardcast_closes_total{cluster="c",code!="1000"}[2m]))',
  );
});

test("every alert of Prometheus that is about metrics is one here, with its severity and its time", async () => {
  const policies = ofType(await example("one-region.yaml"), "AlertPolicy");
  const names = policies.map(({ name }) => name.replace("alert-", ""));
  expect(rules().length).toBeGreaterThan(10);
  for (const { alert } of rules()) expect(names).toContain(alert);
  for (const { inputs } of policies) {
    expect(inputs["notificationChannels"]).toHaveLength(1);
    expect(inputs["severity"]).toMatch(/^(CRITICAL|WARNING)$/);
  }
});

test("the collector keeps the exported metrics and no others, from the admin port of its machine", () => {
  const settings = readSettings(readStackFile(`${GCP}examples/one-region.yaml`));
  const config = parse(collectorConfig(settings, "europe-west1")) as {
    receivers: { prometheus: { config: { scrape_configs: [ScrapeConfig] } } };
    service: { pipelines: { metrics: Record<string, string[]> } };
    processors: object;
    exporters: object;
  };
  const [scrape] = config.receivers.prometheus.config.scrape_configs;
  expect(scrape.static_configs).toEqual([{ targets: ["127.0.0.1:3001"] }]);
  const keep = new RegExp(`^${scrape.metric_relabel_configs[0].regex}$`);
  expect(exportedMetrics().filter((metric) => !keep.test(metric))).toEqual([]);
  expect(keep.test("shardcast_topics")).toBe(exportedMetrics().includes("shardcast_topics"));
  const { receivers = [], processors = [], exporters = [] } = config.service.pipelines.metrics;
  expect(Object.keys(config.receivers)).toEqual(receivers);
  expect(Object.keys(config.processors).toSorted()).toEqual(processors.toSorted());
  expect(Object.keys(config.exporters)).toEqual(exporters);
});

interface ScrapeConfig {
  readonly static_configs: unknown;
  readonly metric_relabel_configs: readonly [{ readonly regex: string }];
}

test("the autoscaler follows a metric that the collector sends", async () => {
  const [autoscaler] = ofType(await example("one-region.yaml"), "RegionAutoscaler");
  const { metrics = [] } = (autoscaler?.inputs["autoscalingPolicy"] ?? {}) as {
    metrics?: Array<{ name: string; target: number }>;
  };
  expect(metrics.map(({ name }) => name)).toEqual(["custom.googleapis.com/shardcast_connections"]);
  expect(exportedMetrics()).toContain("shardcast_connections");
  expect(metrics[0]?.target).toBe(9000);
});

test("the dashboard's tiles lie beside one another", async () => {
  const [board] = ofType(await example("one-region.yaml"), "Dashboard");
  const { mosaicLayout } = JSON.parse(board?.inputs["dashboardJson"] as string) as {
    mosaicLayout: { columns: number; tiles: Array<Record<"xPos" | "yPos" | "width" | "height", number>> };
  };
  const taken = new Set<string>();
  for (const { xPos, yPos, width, height } of mosaicLayout.tiles) {
    expect(xPos + width).toBeLessThanOrEqual(mosaicLayout.columns);
    for (let x = xPos; x < xPos + width; x++)
      for (let y = yPos; y < yPos + height; y++) {
        expect(taken.has(`${x},${y}`)).toBe(false);
        taken.add(`${x},${y}`);
      }
  }
});
