// Limits that hold over all shards of a real instance.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { RawClient } from "../packages/server/gateway/gateway.fixture.ts";
import { refusedHandshake } from "../packages/server/gateway/refusedHandshake.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { type Health, health } from "./instanceStatus.fixture.ts";
import { rejectionOf } from "./services/rejectionOf.ts";
import { until } from "./status.fixture.ts";

const TEST_MS = 60_000;
let instance: TestInstance | undefined;
afterEach(async () => {
  await instance?.end();
}, TEST_MS);

test(
  "the instance's rate holds over its shards, and all are in after the time that takes",
  async () => {
    const perSecond = 20;
    const started = await startInstance(["--shards", "2", "--max-accepts-per-second", `${perSecond}`]);
    instance = started;
    const sockets: WebSocket[] = [];
    const beginMs = performance.now();
    while (sockets.length < 2 * perSecond) {
      const tried = await Promise.all(Array.from({ length: 10 }, () => opened(started.url)));
      sockets.push(...tried.filter((socket) => socket !== undefined));
    }
    const seconds = Math.ceil((performance.now() - beginMs) / 1000);
    expect(sockets.length).toBeLessThanOrEqual(perSecond * seconds);
    for (const socket of sockets) expect(socket.readyState).toBe(WebSocket.OPEN);
    const metrics = await (await fetch(`${started.admin}/metrics`)).text();
    expect(sum(metrics, "shardcast_accepts_total")).toBe(sockets.length);
    expect(sum(metrics, 'shardcast_handshake_refusals_total{reason="accept_rate"')).toBeGreaterThan(0);
    for (const socket of sockets) socket.close();
  },
  TEST_MS,
);

test(
  "SDK clients that are refused, which they can not tell from a broken connection, back off and all come in",
  async () => {
    const perSecond = 20;
    const started = await startInstance(["--shards", "2", "--max-accepts-per-second", `${perSecond}`]);
    instance = started;
    const delaysMs: number[][] = [];
    const clients = Array.from({ length: 3 * perSecond }, () => {
      const delays: number[] = [];
      delaysMs.push(delays);
      const client = connect(started.url, { backoff: { minMs: 200, maxMs: 2000 } });
      client.on("reconnect", ({ delayMs }) => void delays.push(delayMs));
      return client;
    });
    const ready = clients.map((client) => client.subscribe("x", () => {}).ready);
    await Promise.all(ready);
    const refused = delaysMs.filter((delays) => delays.length > 0);
    expect(refused.length).toBeGreaterThanOrEqual(perSecond);
    // Not all at one time, and each later than before as a rule: the bounds are 200 ms, 400 ms, and so on.
    expect(new Set(refused.map(([first]) => first)).size).toBe(refused.length);
    const mean = (all: readonly number[]) => all.reduce((sum, each) => sum + each, 0) / all.length;
    const third = delaysMs.flatMap((delays) => delays.slice(2));
    expect(mean(third)).toBeGreaterThan(mean(refused.map(([first = 0]) => first)));
    for (const delays of delaysMs)
      delays.forEach((delayMs, attempt) => void expect(delayMs).toBeLessThan(200 * 2 ** attempt));
    await Promise.all(clients.map((client) => client.close()));
  },
  TEST_MS,
);

test(
  "a rate that leaves a shard nothing is refused at start",
  async () => {
    const starting = startInstance(["--shards", "3", "--max-accepts-per-second", "2"]);
    expect(await rejectionOf(starting)).toMatchObject({
      message: expect.stringContaining("--max-accepts-per-second 2 leaves some of 3 shards nothing"),
    });
  },
  TEST_MS,
);

test(
  "an instance whose memory is taken keeps its clients and takes nobody new",
  async () => {
    const before = await startInstance(["--shards", "1"]);
    const takenAtFirst = await memoryOf(before);
    await before.end();
    const growthBytes = 200 * 2 ** 20;
    const started = await startInstance([
      ...["--shards", "1", "--embedded-log-bytes", "1GiB", "--memory-high-percent", "100"],
      ...["--memory-low-percent", "99", "--max-memory-bytes", `${takenAtFirst + growthBytes / 2}`],
    ]);
    instance = started;
    const client = await RawClient.open(started.url);
    await client.ask({ type: "subscribe", id: 1, channels: ["x"] });
    const batch = Array.from({ length: 8 }, () => ({ channel: "big", data: "x".repeat(2 ** 20 - 2) }));
    for (let sent = 0; sent < growthBytes; sent += 2 ** 23) await started.publish(...batch);
    await until("the instance says that its memory is taken", async () => {
      const health = await fetch(`${started.admin}/health`);
      const { checks } = (await health.json()) as { checks: { memory: { status: string } } };
      return health.status === 503 && checks.memory.status === "unhealthy";
    });
    await until("a new client is refused for that", async () => (await reasonOf(started)) === "memory_full");
    await started.publish({ channel: "x", data: "still here" });
    await client.until(() => client.data.length > 0);
    expect(client.data).toEqual(["still here"]);
    client.close();
  },
  TEST_MS,
);

describe("the cap on clients", () => {
  const CAP = 5;
  let full: TestInstance;

  beforeAll(async () => {
    full = await startInstance(["--shards", "2", "--max-connections", `${CAP}`]);
  }, TEST_MS);

  afterAll(async () => {
    await full?.end();
  }, TEST_MS);

  test(
    "holds over all shards: so many get in, the others get 503 and when to come back",
    async () => {
      const sockets: WebSocket[] = [];
      try {
        // The kernel may lead a client to a shard that is full while another is not: who is refused tries again.
        await until("as many are in as may be", async () => {
          const socket = await opened(full.url);
          if (socket !== undefined) sockets.push(socket);
          return sockets.length >= CAP;
        });
        for (let attempt = 0; attempt < 20; attempt++) {
          const response = await refusedHandshake(full.url);
          expect(response.status).toBe(503);
          expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
          expect(await response.json()).toMatchObject({ error: { code: "instance_full" } });
        }
        await until("a full instance says so to its load balancer", async () => {
          const response = await fetch(`${full.admin}/health`);
          const { checks } = (await response.json()) as Health;
          return response.status === 503 && checks["connections"]?.value === CAP;
        });
        expect(sockets.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true);
      } finally {
        for (const socket of sockets) socket.close();
      }
      await until("those who left made room", async () => {
        const socket = await opened(full.url);
        socket?.close();
        return socket !== undefined;
      });
    },
    TEST_MS,
  );

  test(
    "holds when many come at once",
    async () => {
      await until("all have left", async () => (await health(full)).checks["connections"]?.value === 0);
      const tried = await Promise.all(Array.from({ length: 40 }, () => opened(full.url)));
      const sockets = tried.filter((socket) => socket !== undefined);
      for (const socket of sockets) socket.close();
      expect(sockets.length).toBeLessThanOrEqual(CAP);
      expect(sockets.length).toBeGreaterThan(0);
    },
    TEST_MS,
  );
});

async function memoryOf({ admin }: TestInstance): Promise<number> {
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  return sum(metrics, "process_resident_memory_bytes");
}

/** Why a handshake is refused; undefined where it is not. */
async function reasonOf({ url }: TestInstance): Promise<string | undefined> {
  const response = await fetch(url.replace(/^ws/, "http"));
  const { error } = (await response.json()) as { error: { code: string } };
  return response.status === 426 ? undefined : error.code;
}

function opened(url: string): Promise<WebSocket | undefined> {
  const socket = new WebSocket(url);
  return new Promise((resolve) => {
    socket.onopen = () => resolve(socket);
    socket.onclose = () => resolve(undefined);
  });
}

/** Over all shards. */
function sum(metrics: string, name: string): number {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(name))
    .reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
}
