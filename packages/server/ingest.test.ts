import { expect, test } from "bun:test";
import { pino } from "pino";
import { loaded } from "./config/loadConfig.fixture.ts";
import { IngestHalf } from "./ingest.ts";

function half(publish: () => Promise<void>): IngestHalf {
  const { config } = loaded({ argv: ["--kafka-brokers", "127.0.0.1:1", "--kafka-topics", "trades"] });
  const { kafka } = config;
  if (kafka === undefined) throw new Error("the configuration has no Kafka");
  return new IngestHalf({
    config,
    kafka,
    shard: 0,
    boot: "boot",
    bus: {
      state: "connected",
      maxFrameBytes: 1_000_000,
      publish,
      subscribe: () => Promise.reject(),
      close: () => Promise.resolve(),
    },
    route: () => ({ unroutable: "channel_invalid", detail: "" }),
    logger: pino({ level: "silent" }),
  });
}

test("what the publisher and the source count is told, failures too", () => {
  const names = half(() => Promise.resolve()).figures.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      "shardcast_dead_letter_retries_total",
      "shardcast_heads_missed_total",
      "shardcast_source_commit_failures_total",
      "shardcast_source_out_of_range_total",
      "shardcast_source_unreadable_total",
    ]),
  );
  expect(new Set(names).size).toBe(names.length);
});

test("a start without Kafka resolves in time and goes on joining, until it is stopped", async () => {
  const ingest = half(() => Promise.resolve());
  await ingest.start(20);
  expect(ingest.state).toBe("joining");
  expect(ingest.figures.find(({ name }) => name === "shardcast_source_errors_total")?.read()).toBeGreaterThan(
    0,
  );
  await ingest.stop();
  expect(ingest.state).toBe("stopped");
});
