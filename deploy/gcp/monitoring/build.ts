import type { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import { AlertPolicy } from "@pulumi/gcp/monitoring/alertPolicy.js";
import { Dashboard } from "@pulumi/gcp/monitoring/dashboard.js";
import { NotificationChannel } from "@pulumi/gcp/monitoring/notificationChannel.js";
import { UptimeCheckConfig } from "@pulumi/gcp/monitoring/uptimeCheckConfig.js";
import type { Output } from "@pulumi/pulumi/output.js";
import { portOf } from "../settings/schema.ts";
import { named, type Stack } from "../stack.ts";
import { dashboard } from "./dashboard.ts";
import { cloudQuery, rules } from "./query.ts";

/** The alerts and panels of deploy/, over the metrics that the collectors bring; and a look from outside. */
export function buildMonitoring(stack: Stack, address: GlobalAddress): void {
  const { name, alertEmails } = stack.settings;
  const channels = alertEmails.map(
    (email) =>
      new NotificationChannel(
        `mail-${email}`,
        { displayName: email, type: "email", labels: { email_address: email }, userLabels: stack.labels },
        stack.first,
      ),
  );
  const notificationChannels = channels.map(({ id }) => id);
  for (const rule of rules()) {
    alert(stack, rule.alert, notificationChannels, {
      severity: rule.labels.severity,
      duration: seconds(rule.for ?? "0s"),
      query: cloudQuery(rule.expr, name),
      advice: `${rule.annotations.action} See \`docs/operations/alerts.md\`, ${rule.alert}.`,
    });
  }
  alert(stack, "ShardcastFewMachines", notificationChannels, {
    severity: "page",
    duration: "300s",
    query: fewMachines(stack),
    advice:
      "Fewer machines send metrics than the smallest number. Look at the groups, and at why machines are made anew.",
  });
  buildUptimeCheck(stack, address, notificationChannels);
  new Dashboard(
    "dashboard",
    { dashboardJson: JSON.stringify(dashboard(stack.settings, stack.labels)) },
    stack.first,
  );
}

interface Condition {
  readonly severity: string;
  readonly duration: string;
  readonly query: string;
  readonly advice: string;
}

function alert(
  stack: Stack,
  title: string,
  notificationChannels: Array<Output<string>>,
  { severity, duration, query, advice }: Condition,
): void {
  new AlertPolicy(
    `alert-${title}`,
    {
      displayName: `${title} (${stack.settings.name})`,
      combiner: "OR",
      severity: severity === "page" ? "CRITICAL" : "WARNING",
      conditions: [
        {
          displayName: title,
          conditionPrometheusQueryLanguage: {
            query,
            duration,
            evaluationInterval: "60s",
            // The metrics are there only once a machine has run.
            disableMetricValidation: true,
          },
        },
      ],
      documentation: { content: advice, mimeType: "text/markdown" },
      notificationChannels,
      userLabels: stack.labels,
    },
    stack.first,
  );
}

/** Cloud Monitoring takes whole seconds. */
function seconds(duration: string): string {
  const [, count = "0", unit = "s"] = /^(\d+)([smh])$/.exec(duration) ?? [];
  const factor = { s: 1, m: 60, h: 3600 }[unit] ?? 1;
  return `${Number(count) * factor}s`;
}

function fewMachines({ settings }: Stack): string {
  const wanted = Object.values(settings.regions).reduce((sum, { machinesMin }) => sum + machinesMin, 0);
  const alive = `count(count by (instance_id) (${cloudQuery("shardcast_connections", settings.name)}))`;
  return `(${alive} or vector(0)) < ${wanted}`;
}

/** Asks as a client would come: from the internet, through the balancer, with its certificate. */
function buildUptimeCheck(
  stack: Stack,
  address: GlobalAddress,
  notificationChannels: Array<Output<string>>,
): void {
  const [domain] = stack.settings.domains;
  const check = new UptimeCheckConfig(
    "uptime",
    {
      displayName: named(stack),
      period: "60s",
      timeout: "10s",
      httpCheck: {
        path: "/health",
        port: portOf(stack.settings),
        requestMethod: "GET",
        useSsl: domain !== undefined,
        validateSsl: domain !== undefined,
      },
      monitoredResource: {
        type: "uptime_url",
        labels: { project_id: stack.project, host: domain ?? address.address },
      },
      userLabels: stack.labels,
    },
    stack.first,
  );
  new AlertPolicy("alert-uptime", {
    displayName: `ShardcastUnreachable (${stack.settings.name})`,
    combiner: "OR",
    severity: "CRITICAL",
    conditions: [
      {
        displayName: "ShardcastUnreachable",
        conditionThreshold: {
          filter: check.uptimeCheckId.apply(
            (id) =>
              `metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND resource.type="uptime_url" AND metric.labels.check_id="${id}"`,
          ),
          aggregations: [
            {
              alignmentPeriod: "120s",
              perSeriesAligner: "ALIGN_NEXT_OLDER",
              crossSeriesReducer: "REDUCE_COUNT_FALSE",
              groupByFields: ["resource.label.*"],
            },
          ],
          comparison: "COMPARISON_GT",
          thresholdValue: 1,
          duration: "60s",
          trigger: { count: 1 },
        },
      },
    ],
    documentation: {
      content:
        "The address does not answer /health from more than one place. Certificate (is DNS right, is it ACTIVE?), forwarding rule, machines.",
      mimeType: "text/markdown",
    },
    notificationChannels,
    userLabels: stack.labels,
  });
}
