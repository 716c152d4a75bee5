// One instance that is taken out: real processes, real clients. test/rollingRestart.test.ts does it to a whole cluster.
import { afterEach, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { until } from "./status.fixture.ts";

const TEST_MS = 60_000;
const open: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(flags: readonly string[]): Promise<TestInstance> {
  const instance = await startInstance(["--shards", "2", ...flags]);
  open.push(() => instance.end("SIGKILL"));
  return instance;
}

/** A client of the protocol that does not know `reconnect`. */
class StubbornClient {
  readonly welcomed = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<number>();
  afterMs: number | undefined;

  constructor(url: string) {
    const socket = new WebSocket(url);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as { type: string; afterMs?: number };
      if (message.type === "welcome") this.welcomed.resolve();
      if (message.type === "reconnect") this.afterMs = message.afterMs;
    };
    socket.onclose = ({ code }) => {
      this.welcomed.reject(new Error(`closed with ${code}`));
      this.ended.resolve(code);
    };
    open.push(() => socket.close());
  }
}

async function clientsOf({ url }: TestInstance, count: number): Promise<StubbornClient[]> {
  const clients = Array.from({ length: count }, () => new StubbornClient(url));
  await Promise.all(clients.map(({ welcomed }) => welcomed.promise));
  return clients;
}

interface Progress {
  readonly phase: string;
  readonly clients: number;
  readonly leftMs: number;
}

async function drain({ admin }: TestInstance): Promise<Progress> {
  const response = await fetch(`${admin}/api/drain`, { method: "POST" });
  expect(response.status).toBe(202);
  return (await response.json()) as Progress;
}

const healthUrl = ({ url }: TestInstance) => url.replace("ws:", "http:").replace("/ws", "/health");

test(
  "its health is red first, while it still takes clients; then they go in their slots, and it ends with 0",
  async () => {
    const instance = await start([
      ...["--drain-wait-ms", "3000", "--drain-clients-per-second", "5"],
      ...["--drain-timeout-ms", "30000"],
    ]);
    const clients = await clientsOf(instance, 3);
    expect(await drain(instance)).toMatchObject({ phase: "waiting" });
    await until("a balancer sees it", async () => (await fetch(healthUrl(instance))).status === 503);
    const { checks } = (await (await fetch(healthUrl(instance))).json()) as {
      checks: Record<string, { value: string; message: string }>;
    };
    expect(checks["draining"]).toMatchObject({ value: "yes" });
    clients.push(...(await clientsOf(instance, 1)));
    expect(clients.map(({ afterMs }) => afterMs)).toEqual(new Array(4).fill(undefined));
    await until("all are told", async () => clients.every(({ afterMs }) => afterMs !== undefined));
    expect((await fetch(instance.url.replace("ws:", "http:"))).status).toBe(503);
    expect(await drain(instance)).toMatchObject({ phase: "moving" });
    expect(await Promise.all(clients.map(({ ended }) => ended.promise))).toEqual(new Array(4).fill(1012));
    expect(await instance.exited).toBe(0);
  },
  TEST_MS,
);

test(
  "a signal after a drain by HTTP changes nothing, and a second one ends it at once",
  async () => {
    const instance = await start(["--drain-wait-ms", "600000", "--drain-timeout-ms", "3600000"]);
    const [client] = await clientsOf(instance, 1);
    await drain(instance);
    process.kill(instance.pid, "SIGTERM");
    // Two signals within half a second of each other, as they are heard, are one request.
    await Bun.sleep(2000);
    expect(await drain(instance)).toMatchObject({ phase: "waiting", clients: 1 });
    expect(await instance.end("SIGTERM")).toBe(0);
    expect(await client?.ended.promise).toBe(1006);
    expect(instance.log.some((line) => line.includes("asked twice"))).toBe(true);
  },
  TEST_MS,
);

test(
  "SIGINT closes all clients at once, with a code after which they come back",
  async () => {
    const instance = await start(["--drain-wait-ms", "600000", "--drain-timeout-ms", "3600000"]);
    const clients = await clientsOf(instance, 4);
    expect(await instance.end("SIGINT")).toBe(0);
    expect(await Promise.all(clients.map(({ ended }) => ended.promise))).toEqual(new Array(4).fill(1012));
  },
  TEST_MS,
);

test(
  "at the time limit those whose turn has not come are closed, and the log says what to raise",
  async () => {
    const instance = await start(["--drain-clients-per-second", "1", "--drain-timeout-ms", "6000"]);
    const clients = await clientsOf(instance, 20);
    const beganMs = performance.now();
    expect(await instance.end()).toBe(0);
    expect(performance.now() - beganMs).toBeLessThan(6500);
    expect(await Promise.all(clients.map(({ ended }) => ended.promise))).toEqual(new Array(20).fill(1012));
    expect(instance.log.some((line) => line.includes("raise --drain-timeout-ms"))).toBe(true);
  },
  TEST_MS,
);

test(
  "a client of the SDK goes by itself in its slot, and nothing is closed by force",
  async () => {
    const instance = await start([]);
    const client = connect(instance.url);
    open.push(() => client.close());
    await client.subscribe("a", () => {}).ready;
    const reasons: string[] = [];
    client.on("reconnect", ({ reason }) => reasons.push(reason));
    const beganMs = performance.now();
    expect(await instance.end()).toBe(0);
    expect(reasons[0]).toBe("draining");
    // One that stays is closed 2 s after its slot.
    expect(performance.now() - beganMs).toBeLessThan(2000);
  },
  TEST_MS,
);
