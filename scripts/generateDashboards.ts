// Writes the files that Grafana provisions from `deploy/grafana/dashboards.ts`.
import { DASHBOARDS, grafanaFile } from "../deploy/grafana/dashboards.ts";

const folder = `${import.meta.dir}/../deploy/grafana/dashboards`;
for (const dashboard of DASHBOARDS) {
  await Bun.write(`${folder}/${dashboard.uid}.json`, `${JSON.stringify(grafanaFile(dashboard), null, 2)}\n`);
}
