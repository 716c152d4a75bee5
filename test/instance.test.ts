// What an instance of two shards serves and tells, also while its processes are killed, hung and stopped.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { describeInstance, type Health, health } from "./instanceStatus.fixture.ts";
import { isAlive } from "./processes.fixture.ts";
import { until } from "./status.fixture.ts";

const TWO_SHARDS = ["--shards", "2", "--max-connections", "500"];
/** Starting processes takes a second or two each on a machine that is busy with other tests. */
const TEST_MS = 60_000;

test(
  "the default host serves IPv4 and IPv6",
  async () => {
    const instance = await startInstance([...TWO_SHARDS, "--host", "::"]);
    try {
      for (const host of ["127.0.0.1", "[::1]"]) {
        expect((await fetch(`http://${host}:${instance.port}/live`)).status).toBe(200);
      }
    } finally {
      await instance.end();
    }
  },
  TEST_MS,
);

describe("an instance that runs", () => {
  let instance: TestInstance;

  beforeAll(async () => {
    instance = await startInstance(TWO_SHARDS);
  }, TEST_MS);

  afterAll(async () => {
    await instance?.end();
  }, TEST_MS);

  test("with port 0 all shards take clients on one port", async () => {
    const ports = () =>
      instance.log
        .map((line): { msg: string; port?: number } => JSON.parse(line))
        .flatMap(({ msg, port }) => (msg === "shard ready" ? [port] : []));
    await until("both shards have said so", () => ports().length === 2);
    expect(ports()).toEqual([instance.port, instance.port]);
    await withClients(instance, 16, async (shards) => {
      expect(new Set(shards)).toEqual(new Set([0, 1]));
    });
  });

  test("no line of the log names a field twice, and a shard's start names its process", () => {
    for (const line of instance.log) expect(JSON.stringify(JSON.parse(line))).toBe(line);
    const started = instance.log
      .map((line): { msg: string; pid: number; shardPid?: number } => JSON.parse(line))
      .filter(({ msg }) => msg === "shard started");
    expect(started).toHaveLength(2);
    for (const { pid, shardPid } of started) {
      expect(pid).toBe(instance.pid);
      expect(shardPid).toBeNumber();
      expect(shardPid).not.toBe(pid);
    }
  });

  test("/api/instance tells of the instance and each of its shards", async () => {
    await until("both shards have sent a beat", async () =>
      (await describeInstance(instance)).shards.every(({ stats }) => stats !== undefined),
    );
    const told = await describeInstance(instance);
    expect(told).toMatchObject({
      id: expect.any(String),
      region: expect.any(String),
      role: "all",
      version: expect.any(String),
      pid: instance.pid,
      uptimeMs: expect.any(Number),
      port: instance.port,
    });
    expect(told.shards).toHaveLength(2);
    for (const [index, shard] of told.shards.entries()) {
      expect(shard).toMatchObject({
        shard: index,
        pid: expect.any(Number),
        state: "ready",
        restarts: expect.any(Number),
        stats: { connections: expect.any(Number), rssBytes: expect.any(Number), busState: "connected" },
      });
    }
  });

  test("/api/channels counts subscribers over all shards", async () => {
    const clients = Array.from({ length: 8 }, () => connect(instance.url));
    try {
      await Promise.all(clients.map((client) => client.subscribe("api.channels", () => {}).ready));
      await instance.publish(...[1, 2, 3].map((data) => ({ channel: "api.channels", data })));
      let told: unknown;
      await until("the channel is told with its messages", async () => {
        const response = await fetch(`${instance.admin}/api/channels`);
        const { channels } = (await response.json()) as {
          channels: Array<{ channel: string; messages: number }>;
        };
        told = channels.find(({ channel }) => channel === "api.channels");
        return channels.some(({ channel, messages }) => channel === "api.channels" && messages === 3);
      });
      expect(told).toEqual({ channel: "api.channels", subscribers: 8, messages: 3, total: 3 });
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  });

  test(
    "a killed shard is shown as degraded with 200, on both ports, and is then started anew",
    async () => {
      const before = await describeInstance(instance);
      const victim = before.shards[1]?.pid ?? 0;
      process.kill(victim, "SIGKILL");
      let degraded: Health | undefined;
      // Looked at without a pause: another is there in a fraction of a second.
      while (degraded === undefined) {
        const response = await fetch(`${instance.admin}/health`);
        expect(response.status).toBe(200);
        const report = (await response.json()) as Health;
        if (report.status === "degraded") degraded = report;
      }
      expect(degraded.checks["shards"]).toMatchObject({ status: "degraded", value: 1, limit: 2 });
      expect(degraded.shards[1]?.state).not.toBe("ready");
      expect((await fetch(`http://127.0.0.1:${instance.port}/health`)).status).toBe(200);
      await until("both shards are ready again", async () => (await health(instance)).status === "ok");
      const after = await describeInstance(instance);
      expect(after.shards[0]?.pid).toBe(before.shards[0]?.pid);
      expect(after.shards[1]?.pid).not.toBe(victim);
      expect(after.shards[1]?.restarts).toBe((before.shards[1]?.restarts ?? 0) + 1);
      expect(after.port).toBe(before.port);
    },
    TEST_MS,
  );

  test(
    "clients miss nothing and get nothing twice while shards are killed",
    async () => {
      const channel = "numbered.killed";
      const clients = Array.from({ length: 8 }, () => {
        const seen: number[] = [];
        const client = connect(instance.url, { backoff: { minMs: 20, maxMs: 200 } });
        const { ready } = client.subscribe<number>(channel, ({ data }) => seen.push(data));
        return { client, seen, ready };
      });
      try {
        await Promise.all(clients.map(({ ready }) => ready));
        const numbers = Array.from({ length: 600 }, (_, index) => index);
        for (let at = 0; at < numbers.length; at += 5) {
          await instance.publish(...numbers.slice(at, at + 5).map((data) => ({ channel, data })));
          if (at === 100 || at === 350) {
            // Never the only one that is ready: a whole instance that is gone is another test's matter.
            await until("all shards are ready", async () => (await health(instance)).status === "ok");
            const pids = await instance.shardPids();
            process.kill(pids[at === 100 ? 0 : 1] ?? 0, "SIGKILL");
          }
        }
        await until("all clients have all numbers", () =>
          clients.every(({ seen }) => seen.length >= numbers.length),
        );
        for (const { seen } of clients) expect(seen).toEqual(numbers);
        expect(clients.map(({ client }) => client.stats.gaps)).toEqual(clients.map(() => 0));
        expect(clients.some(({ client }) => client.stats.reconnects > 0)).toBe(true);
      } finally {
        await Promise.all(clients.map(({ client }) => client.close()));
      }
    },
    TEST_MS,
  );

  test(
    "a hung shard is killed by the watchdog and replaced",
    async () => {
      await until("all shards are ready", async () => (await health(instance)).status === "ok");
      const [hung = 0] = await instance.shardPids();
      process.kill(hung, "SIGSTOP");
      await until("the hung process is gone", () => !isAlive(hung));
      await until("that is logged", () => instance.log.some((line) => line.includes("shard is silent")));
      await until("another has taken its place", async () => {
        const { shards } = await describeInstance(instance);
        return shards[0]?.state === "ready" && shards[0].pid !== hung;
      });
    },
    TEST_MS,
  );

  test(
    "a supervisor that stood still does not take its shards for hung",
    async () => {
      await until("all shards are ready", async () => (await health(instance)).status === "ok");
      const pids = await instance.shardPids();
      process.kill(instance.pid, "SIGSTOP");
      await Bun.sleep(6500);
      process.kill(instance.pid, "SIGCONT");
      await until("it answers again", async () => (await health(instance)).status === "ok");
      await Bun.sleep(1000);
      expect(await instance.shardPids()).toEqual(pids);
    },
    TEST_MS,
  );
});

/** Holds so many clients and tells which shard welcomed each. */
async function withClients(
  { url }: TestInstance,
  count: number,
  use: (shards: readonly number[]) => Promise<void>,
): Promise<void> {
  const sockets = Array.from({ length: count }, () => new WebSocket(url));
  try {
    const welcomes = sockets.map(
      (socket) =>
        new Promise<number>((resolve, reject) => {
          socket.onmessage = ({ data }) => resolve((JSON.parse(String(data)) as { shard: number }).shard);
          socket.onclose = () => reject(new Error("closed before its welcome"));
        }),
    );
    await use(await Promise.all(welcomes));
  } finally {
    for (const socket of sockets) socket.close();
  }
}
