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
