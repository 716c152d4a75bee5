import { expect, test } from "bun:test";
import { joinMetrics } from "./joinMetrics.ts";
import { shardMetrics } from "./shardMetrics.ts";

test("the samples of one metric stand together below one head", () => {
  const one =
    '# HELP a A.\n# TYPE a counter\na{shard="0"} 1\n\n# HELP b B.\n# TYPE b gauge\nb{shard="0"} 2\n';
  const two = '# HELP a A.\n# TYPE a counter\na{shard="1"} 3\n';
  expect(joinMetrics([one, two])).toBe(
    '# HELP a A.\n# TYPE a counter\na{shard="0"} 1\na{shard="1"} 3\n# HELP b B.\n# TYPE b gauge\nb{shard="0"} 2\n',
  );
});

test("what is no number yet is written as the format has it", () => {
  const text = '# HELP a A.\n# TYPE a gauge\na{shard="0"} ';
  expect(joinMetrics([`${text}Nan\n`])).toBe(`${text}NaN\n`);
});

test("of the process there is what is right on Bun, and nothing else", async () => {
  const text = await shardMetrics(0, []).metrics();
  expect([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)).toEqual([
    ...["process_cpu_user_seconds_total", "process_cpu_system_seconds_total", "process_cpu_seconds_total"],
    ...["process_start_time_seconds", "process_resident_memory_bytes", "process_virtual_memory_bytes"],
    "process_max_fds",
    ...["", "min_", "max_", "mean_", "stddev_", "p50_", "p90_", "p99_"].map(
      (part) => `nodejs_eventloop_lag_${part}seconds`,
    ),
    ...["nodejs_heap_size_total_bytes", "nodejs_heap_size_used_bytes", "nodejs_external_memory_bytes"],
    "process_open_fds",
  ]);
});

test("a figure is read anew at each scrape", async () => {
  let clients = 1;
  const registry = shardMetrics(3, [
    { name: "shardcast_connections", help: "Clients.", kind: "gauge", read: () => clients },
    {
      name: "shardcast_gaps_total",
      help: "Gaps.",
      kind: "counter",
      label: "reason",
      read: () => ({ retention: clients }),
    },
  ]);
  expect(await registry.metrics()).toContain('shardcast_connections{shard="3"} 1');
  clients = 5;
  const text = await registry.metrics();
  expect(text).toContain('shardcast_connections{shard="3"} 5');
  expect(text).toContain('shardcast_gaps_total{reason="retention",shard="3"} 5');
});
