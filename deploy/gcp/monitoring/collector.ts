import { stringify } from "yaml";
import { ADMIN_PORT, METRICS_KEY_FILE, SECRETS_DIRECTORY } from "../machine/environment.ts";
import type { Settings } from "../settings/schema.ts";
import { exportedMetrics, METRIC_PREFIX } from "./query.ts";

export const SCRAPE_SECONDS = 30;

/** The collector's own file: from /metrics on this machine to Cloud Monitoring, as metrics of this Compute Engine instance. */
export function collectorConfig({ name, metricsKeySecret }: Settings, region: string): string {
  return stringify(
    {
      receivers: {
        prometheus: {
          config: {
            scrape_configs: [
              {
                job_name: name,
                scrape_interval: `${SCRAPE_SECONDS}s`,
                // Where the admin port asks for keys, the collector shows one, read anew for each scrape.
                ...(metricsKeySecret !== undefined && {
                  authorization: { credentials_file: `${SECRETS_DIRECTORY}/${METRICS_KEY_FILE}` },
                }),
                static_configs: [{ targets: [`127.0.0.1:${ADMIN_PORT}`] }],
                metric_relabel_configs: [
                  { source_labels: ["__name__"], regex: `(${exportedMetrics().join("|")})`, action: "keep" },
                  { target_label: "cluster", replacement: name },
                  { target_label: "region", replacement: region },
                ],
              },
            ],
          },
        },
      },
      processors: {
        // Makes the metrics those of the resource gce_instance, by which the autoscaler knows its machines.
        resourcedetection: { detectors: ["gcp"], timeout: "10s", override: true },
        memory_limiter: { check_interval: "1s", limit_mib: 200 },
        batch: { timeout: "5s", send_batch_size: 200 },
      },
      exporters: { googlecloud: { metric: { prefix: METRIC_PREFIX } } },
      service: {
        // The collector's own metrics would take port 8888 of the machine.
        telemetry: { metrics: { level: "none" } },
        pipelines: {
          metrics: {
            receivers: ["prometheus"],
            processors: ["memory_limiter", "resourcedetection", "batch"],
            exporters: ["googlecloud"],
          },
        },
      },
    },
    { lineWidth: 0 },
  );
}
