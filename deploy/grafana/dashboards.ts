// The Grafana dashboards, written down briefly. `scripts/generateDashboards.ts` makes the files that Grafana reads; a test
// keeps these current, and asks a running instance whether it exports every metric that is named here.

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly title: string;
  /** What it tells, for who sees it for the first time. */
  readonly description: string;
  readonly unit: Unit;
  /** Legend and query. */
  readonly queries: Readonly<Record<string, string>>;
  /** A number and its recent past instead of a chart. */
  readonly isStat?: boolean;
}

type Unit = "short" | "ops" | "bytes" | "Bps" | "s" | "percentunit" | "cores";

const INSTANCE = 'instance=~"$instance"';
const rate = (metric: string, by: string, labels = INSTANCE) =>
  `sum by (${by}) (rate(${metric}{${labels}}[1m]))`;

export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: "shardcast-cluster",
    title: "Shardcast: cluster",
    panels: [
      {
        title: "Instances up",
        description: "Instances that answer Prometheus.",
        unit: "short",
        isStat: true,
        queries: { up: 'sum(up{job="shardcast"})' },
      },
      {
        title: "Clients",
        description: "Connected now, over all instances.",
        unit: "short",
        isStat: true,
        queries: { clients: "sum(shardcast_connections)" },
      },
      {
        title: "Deliveries",
        description: "Messages handed to clients each second.",
        unit: "ops",
        isStat: true,
        queries: { deliveries: "sum(rate(shardcast_deliveries_total[1m]))" },
      },
      {
        title: "Gaps in the last hour",
        description:
          "Stretches that nobody can have any more. Anything but 0 is a loss that clients were told of.",
        unit: "short",
        isStat: true,
        queries: { gaps: "sum(increase(shardcast_gaps_total[1h]))" },
      },
      {
        title: "Clients by instance",
        description: "An even spread is what leastconn makes of it.",
        unit: "short",
        queries: { "{{instance}}": rateless("shardcast_connections") },
      },
      {
        title: "Deliveries by instance",
        description: "Live messages handed to clients; replays are on the page of client experience.",
        unit: "ops",
        queries: { "{{instance}}": rate("shardcast_deliveries_total", "instance") },
      },
      {
        title: "CPU by instance",
        description: "Cores in use by the supervisor and all shards.",
        unit: "cores",
        queries: {
          "{{instance}}": rate("process_cpu_seconds_total", "instance", `job="shardcast",${INSTANCE}`),
        },
      },
      {
        title: "Memory by instance",
        description:
          "Resident memory of the supervisor and all shards. The kernel's socket buffers are not in it.",
        unit: "bytes",
        queries: { "{{instance}}": rateless("process_resident_memory_bytes", `job="shardcast",${INSTANCE}`) },
      },
      {
        title: "Publications through the hub",
        description: "Each shard hands each publication on once: the lines of all shards lie on one another.",
        unit: "ops",
        queries: { "{{instance}}/{{shard}}": rate("shardcast_publications_total", "instance, shard") },
      },
      {
        title: "Restarts and problems",
        description: "Shards started anew, and contradictions that instances see in one another.",
        unit: "short",
        queries: {
          "restarts {{instance}}": `sum by (instance) (increase(shardcast_shard_restarts_total{${INSTANCE}}[5m]))`,
          "problems {{instance}}": `max by (instance) (shardcast_cluster_problems{${INSTANCE}})`,
        },
      },
    ],
  },
  {
    uid: "shardcast-instance",
    title: "Shardcast: instance and shards",
    panels: [
      {
        title: "CPU by shard",
        description: "One event loop each: 1 core is all that a shard can use.",
        unit: "cores",
        queries: {
          "{{instance}}/{{shard}}": rate(
            "process_cpu_seconds_total",
            "instance, shard",
            `job="shardcast",${INSTANCE}`,
          ),
        },
      },
      {
        title: "Event loop, p99",
        description: "Length of a turn. A turn that writes to 10,000 clients takes 0.1 s and is healthy.",
        unit: "s",
        queries: {
          "{{instance}}/{{shard}}": `nodejs_eventloop_lag_p99_seconds{job="shardcast",${INSTANCE}}`,
        },
      },
      {
        title: "Memory by shard",
        description: "Resident memory.",
        unit: "bytes",
        queries: { "{{instance}}/{{shard}}": `process_resident_memory_bytes{job="shardcast",${INSTANCE}}` },
      },
      {
        title: "Files used",
        description: "Of those that the process may open. Each client is one.",
        unit: "percentunit",
        queries: {
          "{{instance}}/{{shard}}": `process_open_fds{job="shardcast",${INSTANCE}} / process_max_fds{job="shardcast",${INSTANCE}}`,
        },
      },
      {
        title: "Clients by shard",
        description: "The kernel spreads them; after a restart of one the spread stays uneven.",
        unit: "short",
        queries: { "{{instance}}/{{shard}}": `shardcast_connections{${INSTANCE}}` },
      },
      {
        title: "History",
        description: "Memory that history's segments take, and last values kept beyond it.",
        unit: "bytes",
        queries: {
          "segments {{instance}}/{{shard}}": `shardcast_history_capacity_bytes{${INSTANCE}}`,
          "last values {{instance}}/{{shard}}": `shardcast_history_last_value_bytes{${INSTANCE}}`,
        },
      },
    ],
  },
  {
    uid: "shardcast-bus",
    title: "Shardcast: Kafka and bus",
    panels: [
      {
        title: "Lag by partition",
        description: "Records that nobody has read yet.",
        unit: "short",
        queries: { "{{stream}}": `sum by (stream) (shardcast_source_lag{${INSTANCE}})` },
      },
      {
        title: "Records read",
        description: "Each partition is read by one shard of the cluster.",
        unit: "ops",
        queries: { "{{instance}}": rate("shardcast_source_records_total", "instance") },
      },
      {
        title: "Bus: round trip of a heartbeat",
        description: "Through the bus and back to the same shard.",
        unit: "s",
        queries: { "{{instance}}": `max by (instance) (shardcast_bus_round_trip_seconds{${INSTANCE}})` },
      },
      {
        title: "Bus: frames in and out",
        description: "One frame carries many publications.",
        unit: "ops",
        queries: {
          "in {{instance}}": rate("shardcast_bus_frames_total", "instance"),
          "out {{instance}}": rate("shardcast_published_frames_total", "instance"),
        },
      },
      {
        title: "Holes, and what mended them",
        description: "What the bus lost was read from Kafka before the stream went on.",
        unit: "ops",
        queries: {
          "holes {{instance}}": rate("shardcast_holes_total", "instance"),
          "repairs {{instance}}": rate("shardcast_repairs_total", "instance"),
          "retries {{instance}}": rate("shardcast_publish_retries_total", "instance"),
        },
      },
      {
        title: "Read from Kafka instead of the bus",
        description: "Streams that the bus does not serve, and streams whose reads fail.",
        unit: "short",
        queries: {
          "read forward {{instance}}": rateless("shardcast_streams_read_forward"),
          "waiting {{instance}}": rateless("shardcast_streams_waiting_for_log"),
        },
      },
      {
        title: "Not accepted by the bus yet",
        description: "At its limit the source pauses its partitions.",
        unit: "bytes",
        queries: { "{{instance}}/{{shard}}": `shardcast_publish_in_flight_bytes{${INSTANCE}}` },
      },
      {
        title: "Rebalances and errors of Kafka",
        description: "Members that join and leave, and errors that were tried again.",
        unit: "short",
        queries: {
          "rebalances {{instance}}": `sum by (instance) (increase(shardcast_source_rebalances_total{${INSTANCE}}[5m]))`,
          "errors {{instance}}": `sum by (instance) (increase(shardcast_source_errors_total{${INSTANCE}}[5m]))`,
        },
      },
    ],
  },
  {
    uid: "shardcast-clients",
    title: "Shardcast: client experience",
    panels: [
      {
        title: "Refused handshakes",
        description: "By reason; each refusal told the client what to do.",
        unit: "ops",
        queries: { "{{reason}}": rate("shardcast_handshake_refusals_total", "reason") },
      },
      {
        title: "Ended connections",
        description: "By close code; 1006 is a broken connection, or a client that was cut off for slowness.",
        unit: "ops",
        queries: { "{{code}}": rate("shardcast_closes_total", "code") },
      },
      {
        title: "Resumes",
        description: "Clients that came back: with everything, and without.",
        unit: "ops",
        queries: {
          recovered: rate("shardcast_resumes_total", "job"),
          "not recovered": rate("shardcast_resumes_not_recovered_total", "job"),
        },
      },
      {
        title: "Replayed messages",
        description: "What resumes sent beside the live messages.",
        unit: "ops",
        queries: { "{{instance}}": rate("shardcast_replayed_messages_total", "instance") },
      },
      {
        title: "Reads of Kafka for resumes",
        description: "Under way and waiting: at the limit a resume is told that it has not recovered.",
        unit: "short",
        queries: {
          "under way {{instance}}": rateless("shardcast_resume_reads"),
          "waiting {{instance}}": rateless("shardcast_resume_reads_waiting"),
        },
      },
      {
        title: "Requests, and those answered with an error",
        description: "Of all clients.",
        unit: "ops",
        queries: {
          "requests {{instance}}": rate("shardcast_requests_total", "instance"),
          "errors {{instance}}": rate("shardcast_request_refusals_total", "instance"),
        },
      },
    ],
  },
];

function rateless(metric: string, labels = INSTANCE): string {
  return `sum by (instance) (${metric}{${labels}})`;
}

/** All metrics that a query names: what stands before its labels, or alone. */
export function metricsOf(query: string): string[] {
  return [...query.matchAll(/\b((?:shardcast|process|nodejs)_[a-z0-9_]+)\b/g)].map(([, name = ""]) => name);
}

/** The file that Grafana provisions. */
export function grafanaFile({ uid, title, panels }: Dashboard): unknown {
  let x = 0;
  let y = 0;
  const placed = panels.map((panel, index) => {
    const size = panel.isStat === true ? { w: 6, h: 4 } : { w: 12, h: 8 };
    if (x + size.w > WIDTH) {
      x = 0;
      y += panels[index - 1]?.isStat === true ? 4 : 8;
    }
    const gridPos = { ...size, x, y };
    x += size.w;
    return grafanaPanel(panel, index + 1, gridPos);
  });
  return {
    uid,
    title,
    tags: ["shardcast"],
    schemaVersion: 39,
    version: 1,
    editable: false,
    refresh: "5s",
    time: { from: "now-15m", to: "now" },
    templating: {
      list: [
        {
          name: "instance",
          type: "query",
          datasource: DATA_SOURCE,
          query: { query: 'label_values(up{job="shardcast"}, instance)', refId: "instance" },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: ".*",
          current: { text: ["All"], value: ["$__all"] },
        },
      ],
    },
    panels: placed,
  };
}

const WIDTH = 24;
const DATA_SOURCE = { type: "prometheus", uid: "prometheus" };

function grafanaPanel(
  { title, description, unit, queries, isStat = false }: Panel,
  id: number,
  gridPos: unknown,
) {
  return {
    id,
    title,
    description,
    type: isStat ? "stat" : "timeseries",
    datasource: DATA_SOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit: unit === "cores" ? "short" : unit,
        min: 0,
        custom: isStat ? {} : { fillOpacity: 8, showPoints: "never" },
      },
      overrides: [],
    },
    options: isStat
      ? { colorMode: "value", graphMode: "area", reduceOptions: { calcs: ["lastNotNull"] } }
      : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: Object.entries(queries).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATA_SOURCE,
      expr,
      legendFormat,
    })),
  };
}
