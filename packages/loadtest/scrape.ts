import { type Access, adminAccess } from "./access.ts";
import type { AdminPort } from "./adminPorts.ts";

const ANSWER_MS_MAX = 5000;

/** What one look at an instance gives; its counters are totals. */
export interface InstanceSample {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly connections: number;
  readonly connectionsByShard: Readonly<Record<string, number>>;
  readonly deliveries: number;
  /** Of the worst of its processes. */
  readonly eventLoopLagMs: number;
  /** Messages that wait for a hole before them to be filled, and what the local bus has not handed on. */
  readonly queueBytes: number;
  /** Clients that wait for what they missed, and reads of the log for them. */
  readonly resumesWaiting: number;
  readonly historyBytes: number;
}

/** Reads an instance's metrics. Rejects where the page cannot be had, or is none of Shardcast's. */
export async function scrapeInstance(
  { url: admin, host }: AdminPort,
  access: Access,
): Promise<InstanceSample> {
  const { headers, tls } = adminAccess(access);
  const response = await fetch(new URL("/metrics", admin), {
    headers: { ...headers, ...(host !== undefined && { Host: host }) },
    // The certificate is held against the name, and not against the address.
    tls: { ...tls, ...(host !== undefined && { serverName: new URL(`http://${host}`).hostname }) },
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  if (!response.ok) throw new Error(`${admin}/metrics answers ${response.status}`);
  const text = await response.text();
  if (!text.includes("\nshardcast_connections"))
    throw new Error(`${admin}/metrics has no shardcast_connections`);
  const lines = (name: string) => [...text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)`, "gm"))];
  const sum = (...names: readonly string[]) =>
    names.flatMap(lines).reduce((total, [, , value]) => total + Number(value), 0);
  const most = (name: string) => Math.max(0, ...lines(name).map(([, , value]) => Number(value)));
  return {
    cpuSeconds: sum("process_cpu_seconds_total"),
    rssBytes: sum("process_resident_memory_bytes"),
    connections: sum("shardcast_connections"),
    connectionsByShard: Object.fromEntries(
      lines("shardcast_connections").map(([, labels = "", value]) => [
        /shard="([^"]*)"/.exec(labels)?.[1] ?? "all",
        Number(value),
      ]),
    ),
    deliveries: sum("shardcast_deliveries_total"),
    eventLoopLagMs: most("nodejs_eventloop_lag_seconds") * 1000,
    queueBytes: sum(
      "shardcast_held_bytes",
      "shardcast_local_bus_queued_bytes_max",
      "shardcast_publish_in_flight_bytes",
    ),
    resumesWaiting: sum("shardcast_resumes_queued", "shardcast_resume_reads_waiting"),
    historyBytes: sum("shardcast_history_capacity_bytes"),
  };
}

/** The bus' own figures: of Redis all numbers of `INFO`, of NATS those of `/varz`. */
export async function scrapeBus(kind: "redis" | "nats", url: string): Promise<Record<string, number>> {
  const found = kind === "redis" ? await redisInfo(url) : await natsVarz(url);
  const wanted =
    /^(used_memory|used_memory_rss|used_cpu_(sys|user)|connected_clients|instantaneous_\w+|total_commands_processed|total_net_\w+|pubsub_\w+|mem|cpu|connections|in_msgs|out_msgs|in_bytes|out_bytes|slow_consumers)$/;
  const numbers = found.filter(([name, value]) => wanted.test(name) && Number.isFinite(Number(value)));
  if (numbers.length === 0) throw new Error(`${kind} tells none of its figures`);
  return Object.fromEntries(numbers.map(([name, value]) => [`${kind}_${name}`, Number(value)]));
}

async function natsVarz(url: string): Promise<Array<[string, unknown]>> {
  const response = await fetch(new URL("/varz", url), { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  if (!response.ok) throw new Error(`${url}/varz answers ${response.status}`);
  return Object.entries((await response.json()) as object);
}

async function redisInfo(url: string): Promise<Array<[string, unknown]>> {
  const client = new Bun.RedisClient(url, { connectionTimeout: ANSWER_MS_MAX, autoReconnect: false });
  try {
    const info = String(await client.send("INFO", []));
    return [...info.matchAll(/^(\w+):([\d.]+)\r?$/gm)].map(([, name = "", value = ""]) => [name, value]);
  } finally {
    client.close();
  }
}
