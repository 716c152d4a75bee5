// How an instance ends, in order and not: with its exit code, and without a process that it leaves behind.
import { expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startInstance } from "./instance.fixture.ts";
import { isAlive } from "./processes.fixture.ts";
import { until } from "./status.fixture.ts";

const FLAGS = ["--shards", "2", "--max-connections", "500", "--demo"];
const TEST_MS = 60_000;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(
    `${signal} ends it with code 0, with clients connected, and leaves no process`,
    async () => {
      const instance = await startInstance(FLAGS);
      const pids = await instance.shardPids();
      expect(pids).toHaveLength(2);
      const client = connect(instance.url);
      try {
        await client.subscribe("BTC.*", () => {}).ready;
        expect(await instance.end(signal)).toBe(0);
        expect([instance.pid, ...pids].filter(isAlive)).toEqual([]);
      } finally {
        await client.close();
      }
    },
    TEST_MS,
  );
}

test.each([
  ["SIGTERM", ["waitMs", "clientsPerSecond", "timeoutMs"]],
  ["SIGINT", ["timeoutMs"]],
] as const)(
  "%s: the log tells the times that its end may take, and no other",
  async (signal, times) => {
    const instance = await startInstance(FLAGS);
    expect(await instance.end(signal)).toBe(0);
    await until("its last line has come", () => instance.log.some((line) => line.includes('"msg":"ended"')));
    const ending = instance.log.find((line) => line.includes('"msg":"ending"')) ?? "{}";
    const { level, time, instance: id, pid, msg, ...told } = JSON.parse(ending);
    expect(Object.keys(told)).toEqual(["why", ...times]);
    expect(told.why).toBe(signal);
  },
  TEST_MS,
);

test(
  "one Ctrl-C that comes twice, as through npm, is one request, and cuts no shard's end short",
  async () => {
    const instance = await startInstance(FLAGS);
    process.kill(instance.pid, "SIGINT");
    // A second signal of one kind would be lost while the first one waits.
    expect(await instance.end("SIGTERM")).toBe(0);
    expect(instance.log.filter((line) => line.includes("asked twice"))).toEqual([]);
  },
  TEST_MS,
);

test(
  "a supervisor killed with -9 leaves no orphans, and its port is free again",
  async () => {
    const instance = await startInstance(FLAGS);
    const pids = await instance.shardPids();
    expect(pids).toHaveLength(2);
    await instance.end("SIGKILL");
    await until("all shards are gone", () => !pids.some(isAlive));
    expect(await fetch(`http://127.0.0.1:${instance.port}/health`).catch(() => "refused")).toBe("refused");
  },
  TEST_MS,
);
