const ANSWER_MS_MAX = 5000;

/** What one look at an instance gives; its counters are totals. */
export interface InstanceSample {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly connections: number;
  readonly deliveries: number;
  readonly eventLoopLagMs: number;
  readonly queueBytes: number;
  readonly kafkaLag: number;
}

/** Reads an instance's metrics. Rejects where the page cannot be had, or is none of Shardcast's. */
export async function scrapeInstance(admin: string): Promise<InstanceSample> {
  const response = await fetch(new URL("/metrics", admin), { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  if (!response.ok) throw new Error(`${admin}/metrics answers ${response.status}`);
  const text = await response.text();
  if (!text.includes("\nshardcast_connections"))
    throw new Error(`${admin}/metrics has no shardcast_connections`);
  const values = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "gm"))].map(([, value]) => Number(value));
  const sum = (name: string) => values(name).reduce((total, value) => total + value, 0);
  return {
    cpuSeconds: sum("process_cpu_seconds_total"),
    rssBytes: sum("process_resident_memory_bytes"),
    connections: sum("shardcast_connections"),
    deliveries: sum("shardcast_deliveries_total"),
    eventLoopLagMs: Math.max(0, ...values("nodejs_eventloop_lag_seconds")) * 1000,
    queueBytes: sum("shardcast_held_bytes") + sum("shardcast_local_bus_queued_bytes_max"),
    kafkaLag: sum("shardcast_source_lag"),
  };
}

/** The bus' own figures: of Redis all numbers of `INFO`, of NATS those of `/varz`. */
export async function scrapeBus(kind: "redis" | "nats", url: string): Promise<Record<string, number>> {
  const found =
    kind === "redis"
      ? await redisInfo(url)
      : Object.entries((await (await fetch(new URL("/varz", url))).json()) as object);
  const wanted =
    /^(used_memory|used_cpu_\w+|connected_clients|instantaneous_\w+|total_commands_processed|total_net_\w+|mem|cpu|connections|in_msgs|out_msgs|in_bytes|out_bytes|slow_consumers)$/;
  const numbers = found.filter(([name, value]) => wanted.test(name) && Number.isFinite(Number(value)));
  if (numbers.length === 0) throw new Error(`${kind} tells none of its figures`);
  return Object.fromEntries(numbers.map(([name, value]) => [name, Number(value)]));
}

async function redisInfo(url: string): Promise<Array<[string, string]>> {
  const client = new Bun.RedisClient(url, { connectionTimeout: ANSWER_MS_MAX, autoReconnect: false });
  try {
    const info = String(await client.send("INFO", []));
    return [...info.matchAll(/^(\w+):([\d.]+)\r?$/gm)].map(([, name = "", value = ""]) => [name, value]);
  } finally {
    client.close();
  }
}
