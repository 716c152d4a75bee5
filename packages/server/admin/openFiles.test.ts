import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { openFiles } from "./openFiles.ts";
import { shardMetrics } from "./shardMetrics.ts";

test("each file that is opened is counted, and no more when it is closed", () => {
  const before = openFiles() ?? Number.NaN;
  const opened = Array.from({ length: 10 }, () => openSync("/dev/null", "r"));
  expect(openFiles()).toBe(before + 10);
  for (const descriptor of opened) closeSync(descriptor);
  expect(openFiles()).toBe(before);
});

test("the metrics give that number under the standard name", async () => {
  const text = await shardMetrics(0, []).metrics();
  const [, value] = /^process_open_fds\{shard="0"\} (\d+)$/m.exec(text) ?? [];
  expect(Math.abs(Number(value) - (openFiles() ?? Number.NaN))).toBeLessThan(5);
  expect(text.match(/# TYPE process_open_fds /g)).toHaveLength(1);
});
