import { expect, test } from "bun:test";
import { loaded } from "../config/loadConfig.fixture.ts";
import { banner, instanceUrls } from "./banner.ts";

function shown(...argv: string[]): string[] {
  const { config } = loaded({ argv });
  return banner(config, instanceUrls(config, config.gateway.port, config.admin.port), "npm run shardcast --")
    .split("\n")
    .map((line) => line.trim().replaceAll(/ {2,}/g, " "))
    .filter((line) => line !== "");
}

test("an instance tells its addresses by one host, and commands that find it by themselves", () => {
  const [head, ...lines] = shown("--demo", "--shards=1", "--instance=a");
  expect(head).toMatch(/^Shardcast \S+: instance a, 1 shard$/);
  expect(lines).toEqual([
    "demo http://127.0.0.1:3001/demo a live market in your browser",
    "see all http://127.0.0.1:3001/ the dashboard",
    "clients ws://127.0.0.1:3000/ws",
    "health http://127.0.0.1:3001/health metrics http://127.0.0.1:3001/metrics channels http://127.0.0.1:3001/api/channels",
    "look npm run shardcast -- tail 'BTC.*'",
    `publish npm run shardcast -- publish my.news '{"hello":1}'`,
  ]);
});

test("other ports and hosts are named in the commands", () => {
  const [head, ...lines] = shown("--shards=2", "--host=::1", "--port=4000", "--admin-port=4001");
  expect(head).toEndWith(", 2 shards");
  expect(lines.slice(3)).toEqual([
    "look npm run shardcast -- tail '<channel>' --url ws://[::1]:4000/ws",
    `publish npm run shardcast -- publish my.news '{"hello":1}' --url http://127.0.0.1:4001`,
  ]);
});

test("publishing is proposed with a shared bus too", () => {
  const bus = ["--bus=redis://h", "--kafka-brokers=k:1", "--kafka-topics=t"];
  expect(shown(...bus).some((line) => line.startsWith("publish "))).toBe(true);
  expect(shown(...bus, "--publish-topic=p").some((line) => line.startsWith("publish "))).toBe(true);
});

test("an instance that only ingests says that it has no clients, and proposes no look", () => {
  const lines = shown("--role=ingest", "--bus=redis://h", "--kafka-brokers=k:1", "--kafka-topics=t");
  expect(lines[2]).toBe("clients none: this instance only ingests");
  expect(lines.some((line) => line.startsWith("look "))).toBe(false);
});
