import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "@shardcast/client/client";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { freePorts } from "./services/ports.ts";

const MAIN = new URL("../packages/cli/main.ts", import.meta.url).pathname;
const TWO_SHARDS = ["--shards", "2", "--max-connections", "500"];
/** Starting processes takes a second or two each on a machine that is busy with other tests. */
const TEST_MS = 60_000;

test(
  "the default host serves IPv4 and IPv6",
  async () => {
    const instance = await startInstance([...TWO_SHARDS, "--host", "::"]);
    try {
      for (const host of ["127.0.0.1", "[::1]"]) {
        expect((await fetch(`http://${host}:${portOf(instance)}/live`)).status).toBe(200);
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
    const ports = instance.log
      .map((line): { msg: string; port?: number } => JSON.parse(line))
      .flatMap(({ msg, port }) => (msg === "shard ready" ? [port] : []));
    expect(ports).toEqual([portOf(instance), portOf(instance)]);
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
      port: portOf(instance),
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
      await publish(instance, "api.channels", [1, 2, 3]);
      let told: unknown;
      await until("the channel is told with its messages", async () => {
        const { channels } = await getJson<{ channels: Array<{ channel: string; messages: number }> }>(
          `${instance.admin}/api/channels`,
        );
        told = channels.find(({ channel }) => channel === "api.channels");
        return channels.some(({ channel, messages }) => channel === "api.channels" && messages === 3);
      });
      expect(told).toEqual({ channel: "api.channels", subscribers: 8, messages: 3, total: 3 });
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  });

  test("/metrics joins all shards: each metric's samples stand together below one TYPE, labelled by shard", async () => {
    const response = await fetch(`${instance.admin}/metrics`);
    expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    const families = parseExposition(await response.text());
    expect(families.get("shardcast_connections")).toEqual(['shard="0"', 'shard="1"']);
    expect(families.get("shardcast_shards_ready")).toEqual(['shard="supervisor"']);
    expect(families.get("process_resident_memory_bytes")).toEqual([
      'shard="supervisor"',
      'shard="0"',
      'shard="1"',
    ]);
  });

  test(
    "a killed shard is shown as degraded with 200, on both ports, and is then started anew",
    async () => {
      const before = await describeInstance(instance);
      const victim = before.shards[1]?.pid ?? 0;
      process.kill(victim, "SIGKILL");
      let degraded: Health | undefined;
      await until("the health shows the dead shard", async () => {
        const response = await fetch(`${instance.admin}/health`);
        expect(response.status).toBe(200);
        const report = (await response.json()) as Health;
        if (report.status === "degraded") degraded = report;
        return degraded !== undefined;
      });
      expect(degraded?.checks["shards"]).toMatchObject({ status: "degraded", value: 1, limit: 2 });
      expect(degraded?.shards[1]?.state).not.toBe("ready");
      expect((await fetch(healthOf(instance))).status).toBe(200);
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
          await publish(instance, channel, numbers.slice(at, at + 5));
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
      expect(instance.log.some((line) => line.includes("shard is silent"))).toBe(true);
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

  test(
    "a second instance on the same public port is refused, and the first one keeps all its clients",
    async () => {
      const [adminPort = 0] = await freePorts(1);
      const pids = await instance.shardPids();
      const client = connect(instance.url);
      try {
        const seen: number[] = [];
        await client.subscribe<number>("undisturbed", ({ data }) => seen.push(data)).ready;
        const refused = await serveRefused(["--port", `${portOf(instance)}`, "--admin-port", `${adminPort}`]);
        expect(refused.code).toBe(1);
        expect(refused.output).toContain(`port ${portOf(instance)} on 127.0.0.1 is taken`);
        expect(refused.output).toContain("choose another --port");
        await publish(instance, "undisturbed", [1]);
        await until("the client has the message", () => seen.length === 1);
        expect(client.stats.reconnects).toBe(0);
        expect(await instance.shardPids()).toEqual(pids);
      } finally {
        await client.close();
      }
    },
    TEST_MS,
  );

  test(
    "a taken admin port is refused by its own flag's name",
    async () => {
      const adminPort = new URL(instance.admin).port;
      const refused = await serveRefused(["--port", "0", "--admin-port", adminPort]);
      expect(refused.code).toBe(1);
      expect(refused.output).toContain(`port ${adminPort} on 127.0.0.1 is taken`);
      expect(refused.output).toContain("choose another --admin-port");
      // The bus may still be coming back from the test in which the supervisor stood still.
      await until("the first one is well", async () => (await health(instance)).status === "ok");
    },
    TEST_MS,
  );
});

describe("an instance that may not start", () => {
  test(
    "a cap on clients beyond the file limit is refused with the numbers",
    async () => {
      const refused = await serveRefused(
        [
          ...["--port", "0", "--admin-port", await freePort(), "--max-connections", "2000", "--shards", "2"],
          ...["--log-level", "fatal"],
        ],
        512,
      );
      expect(refused.code).toBe(1);
      expect(refused.output).toContain("--max-connections 2000 is more than 2 shard(s) can hold");
      expect(refused.output).toContain("one process may open 512 files");
    },
    TEST_MS,
  );

  test(
    "a Kafka that is not there is refused with the address that was tried",
    async () => {
      const broker = `127.0.0.1:${await freePort()}`;
      const refused = await serveRefused([
        ...["--port", "0", "--admin-port", await freePort(), "--shards", "1"],
        ...["--kafka-brokers", broker, "--kafka-topics", "trades"],
      ]);
      expect(refused.code).toBe(1);
      expect(refused.output).toContain(broker);
      expect(refused.output).toMatch(/Kafka/);
    },
    TEST_MS,
  );
});

describe("an instance that ends", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(
      `${signal} ends it with code 0, with clients connected, and leaves no process`,
      async () => {
        const instance = await startInstance([...TWO_SHARDS, "--demo"]);
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

  test(
    "one Ctrl-C that comes twice, as through npm, is one request, and cuts no shard's end short",
    async () => {
      const instance = await startInstance([...TWO_SHARDS, "--demo"]);
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
      const instance = await startInstance([...TWO_SHARDS, "--demo"]);
      const pids = await instance.shardPids();
      expect(pids).toHaveLength(2);
      await instance.end("SIGKILL");
      await until("all shards are gone", () => !pids.some(isAlive));
      expect(await fetch(healthOf(instance)).catch(() => "refused")).toBe("refused");
    },
    TEST_MS,
  );
});

describe("the cap on clients", () => {
  const CAP = 5;
  let instance: TestInstance;

  beforeAll(async () => {
    instance = await startInstance(["--shards", "2", "--max-connections", `${CAP}`]);
  }, TEST_MS);

  afterAll(async () => {
    await instance?.end();
  }, TEST_MS);

  test(
    "holds over all shards: so many get in, the others get 503 and when to come back",
    async () => {
      const sockets: WebSocket[] = [];
      try {
        // The kernel may lead a client to a shard that is full while another is not: who is refused tries again.
        await until("as many are in as may be", async () => {
          const socket = new WebSocket(instance.url);
          if (await opened(socket)) sockets.push(socket);
          return sockets.length >= CAP;
        });
        for (let attempt = 0; attempt < 20; attempt++) {
          const response = await fetch(instance.url.replace(/^ws/, "http"), { headers: HANDSHAKE });
          expect(response.status).toBe(503);
          expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
          expect(await response.json()).toMatchObject({ error: { code: "instance_full" } });
        }
        await until("a full instance says so to its load balancer", async () => {
          const response = await fetch(`${instance.admin}/health`);
          const { checks } = (await response.json()) as Health;
          return response.status === 503 && checks["connections"]?.value === CAP;
        });
        expect(sockets.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true);
      } finally {
        for (const socket of sockets) socket.close();
      }
      await until("those who left made room", async () => {
        const socket = new WebSocket(instance.url);
        const isIn = await opened(socket);
        socket.close();
        return isIn;
      });
    },
    TEST_MS,
  );

  test(
    "holds when many come at once",
    async () => {
      await until("all have left", async () => (await health(instance)).checks["connections"]?.value === 0);
      const sockets = Array.from({ length: 40 }, () => new WebSocket(instance.url));
      const isIn = await Promise.all(sockets.map(opened));
      for (const socket of sockets) socket.close();
      expect(isIn.filter(Boolean).length).toBeLessThanOrEqual(CAP);
      expect(isIn.filter(Boolean).length).toBeGreaterThan(0);
    },
    TEST_MS,
  );
});

const HANDSHAKE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

interface Health {
  readonly status: string;
  readonly checks: Record<string, { status: string; value: unknown }>;
  readonly shards: ReadonlyArray<{ shard: number; state: string }>;
}

interface InstanceDescription {
  readonly port: number;
  readonly shards: ReadonlyArray<{ pid?: number; state: string; restarts: number; stats?: unknown }>;
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

function health({ admin }: TestInstance): Promise<Health> {
  return getJson(`${admin}/health`);
}

function describeInstance({ admin }: TestInstance): Promise<InstanceDescription> {
  return getJson(`${admin}/api/instance`);
}

function portOf({ url }: TestInstance): number {
  return Number(new URL(url).port);
}

/** The health that the public port tells, where shards answer instead of the supervisor. */
function healthOf(instance: TestInstance): string {
  return `http://127.0.0.1:${portOf(instance)}/health`;
}

async function freePort(): Promise<string> {
  const [port] = await freePorts(1);
  return String(port);
}

async function publish({ admin }: TestInstance, channel: string, values: readonly number[]): Promise<void> {
  const body = JSON.stringify(values.map((data) => ({ channel, data })));
  const response = await fetch(`${admin}/api/publish`, { method: "POST", body });
  expect(response.status).toBe(200);
}

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

function opened(socket: WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.onopen = () => resolve(true);
    socket.onclose = () => resolve(false);
  });
}

/** Runs `serve` where it must not come up. With a limit, as a user whose processes may open so many files. */
async function serveRefused(
  flags: readonly string[],
  filesMax?: number,
): Promise<{ code: number; output: string }> {
  const serve = [process.execPath, MAIN, "serve", "--host", "127.0.0.1", ...flags];
  const limited = ["sh", "-c", `ulimit -n ${filesMax} && exec "$@"`, "sh", ...serve];
  const child = Bun.spawn(filesMax === undefined ? serve : limited, { stdout: "pipe", stderr: "pipe" });
  // One that comes up after all would never end by itself.
  const tooLong = setTimeout(() => child.kill("SIGKILL"), TEST_MS / 2);
  const [out, err, code] = await Promise.all([readAll(child.stdout), readAll(child.stderr), child.exited]);
  clearTimeout(tooLong);
  return { code, output: out + err };
}

function readAll(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Response(stream).text();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // No such process.
    return false;
  }
  try {
    // A zombie has ended: only its new parent has not asked for its exit code yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // Hosts without /proc reap orphans at once.
    return process.platform !== "linux";
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await Bun.sleep(20);
  }
}

/** Each metric's labels of shards. Throws where Prometheus would: samples apart from their metric, a second TYPE. */
function parseExposition(text: string): Map<string, string[]> {
  const families = new Map<string, string[]>();
  const samples = new Set<string>();
  let current = "";
  let type = "";
  for (const line of text.trimEnd().split("\n")) {
    const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (head !== null) {
      const [, keyword, name = "", value = ""] = head;
      if (name !== current && families.has(name)) throw new Error(`${name} stands in two places`);
      if (keyword === "TYPE") type = value;
      if (!families.has(name)) families.set(name, []);
      current = name;
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = sample;
    const suffix = name.slice(current.length);
    const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : ["", "_sum", "_count"];
    if (!name.startsWith(current) || !suffixes.includes(suffix)) {
      throw new Error(`${name} stands below ${current}`);
    }
    if (Number.isNaN(Number(value)) && !["NaN", "+Inf", "-Inf"].includes(value)) {
      throw new Error(`not a number: ${line}`);
    }
    if (samples.has(`${name}{${labels}}`)) throw new Error(`twice: ${line}`);
    samples.add(`${name}{${labels}}`);
    const shard = /(?:^|,)(shard="[^"]*")/.exec(labels)?.[1];
    if (shard === undefined) throw new Error(`no shard: ${line}`);
    families.get(current)?.push(shard);
  }
  return families;
}
