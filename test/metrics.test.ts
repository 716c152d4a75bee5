import { afterAll, describe, expect, test } from "bun:test";
import { DASHBOARDS, metricsOf } from "../deploy/grafana/dashboards.ts";
import { parseExposition } from "./exposition.fixture.ts";
import { startInstance } from "./instance.fixture.ts";
import { finished } from "./services/finished.ts";
import { kafkaAvailable, sharedKafka } from "./services/kafka.ts";
import { KafkaFixture } from "./services/kafkaFixture.ts";
import { promtoolProgram } from "./services/promtool.ts";

const promtool = promtoolProgram();
const TEST_MS = 150_000;
let fixture: KafkaFixture | undefined;

afterAll(async () => {
  await fixture?.close();
});

describe.skipIf(promtool === undefined || !kafkaAvailable())("/metrics", () => {
  test(
    "of an instance that reads Kafka has nothing that promtool would say otherwise",
    async () => {
      fixture = new KafkaFixture(await sharedKafka());
      const kafka = [
        "--kafka-brokers",
        fixture.kafka.brokers.join(","),
        "--kafka-topics",
        await fixture.topic(),
      ];
      const instance = await startInstance(["--shards", "1", "--max-connections", "10", ...kafka]);
      try {
        const metrics = await (await fetch(`${instance.admin}/metrics`)).text();
        expect(metrics).toContain("shardcast_source_records_total");
        expect(metrics).toContain("shardcast_shards_ready");
        expect(await check(metrics)).toEqual({ complaints: "", exitCode: 0 });
        expect(await unknownTo(metrics)).toEqual([]);
        expect(await untold(metrics)).toEqual([]);
      } finally {
        await instance.end();
      }
    },
    TEST_MS,
  );
});

test("the page joins all shards: each metric's samples stand together below one TYPE, labelled by shard, and are told to operators", async () => {
  const instance = await startInstance(["--shards", "2", "--max-connections", "10"]);
  try {
    const response = await fetch(`${instance.admin}/metrics`);
    expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    const text = await response.text();
    const families = parseExposition(text);
    expect(await untold(text)).toEqual([]);
    expect(families.get("shardcast_connections")).toEqual(['shard="0"', 'shard="1"']);
    expect(families.get("shardcast_shards_ready")).toEqual(['shard="supervisor"']);
    expect(families.get("process_resident_memory_bytes")).toEqual([
      'shard="supervisor"',
      'shard="0"',
      'shard="1"',
    ]);
  } finally {
    await instance.end();
  }
}, 60_000);

test("a shard that does not answer is missing on the page, and the page says so", async () => {
  const instance = await startInstance(["--shards", "2", "--max-connections", "10"]);
  try {
    const pid = (await instance.shardPids())[1] ?? Number.NaN;
    const shardsOf = async () => {
      const text = await (await fetch(`${instance.admin}/metrics`)).text();
      const shards = [...text.matchAll(/^shardcast_connections\{shard="(\d)"\}/gm)].map(([, shard]) => shard);
      return { shards, missing: /^shardcast_metrics_missing_total\{.*\} (\d+)$/m.exec(text)?.[1] };
    };
    expect(await shardsOf()).toEqual({ shards: ["0", "1"], missing: "0" });
    process.kill(pid, "SIGSTOP");
    try {
      expect(await shardsOf()).toEqual({ shards: ["0"], missing: "1" });
    } finally {
      process.kill(pid, "SIGCONT");
    }
  } finally {
    await instance.end();
  }
}, 60_000);

/** What a rule or a panel asks for and this page does not have. */
async function unknownTo(metrics: string): Promise<string[]> {
  const exported = new Set([...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name));
  const rules = await Bun.file(`${import.meta.dir}/../deploy/prometheus/rules/shardcast.yml`).text();
  const queries = [...rules.matchAll(/expr: (.*)/g)].map(([, query = ""]) => query);
  const panels = DASHBOARDS.flatMap((dashboard) => dashboard.panels);
  queries.push(...panels.flatMap((panel) => Object.values(panel.queries)));
  const named = new Set(queries.flatMap(metricsOf));
  expect(named.size).toBeGreaterThan(25);
  return [...named].filter((name) => !exported.has(name));
}

/** What this page has and no operator can read about. */
async function untold(metrics: string): Promise<string[]> {
  const page = await Bun.file(`${import.meta.dir}/../docs/operations.md`).text();
  const names = [...metrics.matchAll(/^# TYPE shardcast_(\S+)/gm)].map(([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(80);
  return names.filter((name) => !new RegExp(`\`${name}[\`{]`).test(page));
}

async function check(metrics: string): Promise<{ complaints: string; exitCode: number }> {
  const child = Bun.spawn([promtool ?? "", "check", "metrics"], {
    stdin: new TextEncoder().encode(metrics),
    stdout: "pipe",
    stderr: "pipe",
  });
  const { stdout, stderr, exitCode } = await finished(child);
  return { complaints: stdout + stderr, exitCode };
}
