import { DASHBOARDS, type Panel } from "../../grafana/dashboards.ts";
import type { Settings } from "../settings/schema.ts";
import type { Stack } from "../stack.ts";
import { cloudQuery, hasMetrics } from "./query.ts";

const COLUMNS = 48;

interface Tile {
  readonly width: number;
  readonly height: number;
  readonly widget: unknown;
}

/** The panels of deploy/grafana as a dashboard of Cloud Monitoring, a section for each of its dashboards. */
export function dashboard({ name }: Settings, labels: Stack["labels"]): unknown {
  const tiles: unknown[] = [];
  let top = 0;
  for (const { title, panels } of DASHBOARDS) {
    const section: Tile[] = [
      { width: COLUMNS, height: 4, widget: { title, text: { content: "", format: "MARKDOWN" } } },
      ...panels.filter(hasMetrics).map((panel) => tile(panel, name)),
    ];
    const placed = place(section, top);
    tiles.push(...placed.tiles);
    top = placed.bottom;
  }
  return {
    displayName: `Shardcast: ${name}`,
    labels,
    mosaicLayout: { columns: COLUMNS, tiles },
  };
}

function tile(panel: Panel, cluster: string): Tile {
  const dataSets = Object.entries(panel.queries).map(([legend, query]) => ({
    timeSeriesQuery: { prometheusQuery: cloudQuery(query, cluster), unitOverride: UNITS[panel.unit] ?? "1" },
    // One line for each machine names itself by its labels.
    ...(!legend.includes("{{") && { legendTemplate: legend }),
    plotType: "LINE",
  }));
  const [only] = dataSets;
  if (panel.isStat === true && only !== undefined) {
    const scorecard = {
      timeSeriesQuery: only.timeSeriesQuery,
      sparkChartView: { sparkChartType: "SPARK_LINE" },
    };
    return { width: 12, height: 8, widget: { title: panel.title, scorecard } };
  }
  return { width: 24, height: 16, widget: { title: panel.title, xyChart: { dataSets } } };
}

/** Grafana's units as Cloud Monitoring writes them. */
const UNITS: Readonly<Record<Panel["unit"], string>> = {
  short: "1",
  ops: "1/s",
  bytes: "By",
  Bps: "By/s",
  s: "s",
  percentunit: "10^2.%",
  cores: "1",
};

/** From left to right, a new row where one is full. */
function place(tiles: readonly Tile[], top: number): { readonly tiles: unknown[]; readonly bottom: number } {
  let [x, y, rowHeight] = [0, top, 0];
  const placed = tiles.map(({ width, height, widget }) => {
    if (x + width > COLUMNS || (rowHeight > 0 && height !== rowHeight))
      [x, y, rowHeight] = [0, y + rowHeight, 0];
    const spot = { xPos: x, yPos: y, width, height, widget };
    [x, rowHeight] = [x + width, Math.max(rowHeight, height)];
    return spot;
  });
  return { tiles: placed, bottom: y + rowHeight };
}
