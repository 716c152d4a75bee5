// Starts of `shardcast serve` that are refused, each with what the person who started it can do about it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { health } from "./instanceStatus.fixture.ts";
import { finished } from "./services/finished.ts";
import { freePorts } from "./services/ports.ts";
import { until } from "./status.fixture.ts";

const MAIN = new URL("../packages/cli/main.ts", import.meta.url).pathname;
const TEST_MS = 60_000;
/** What npm and the launcher tell a server that `npm start` has started. */
const NPM_START = {
  SHARDCAST_LAUNCHED_BY: "run.mjs",
  npm_lifecycle_event: "start",
  npm_config_user_agent: "npm/11.0.0 node/v24.0.0 linux x64",
};

test(
  "a cap on clients beyond the file limit is refused with the numbers",
  async () => {
    const refused = await serveRefused(
      [
        ...["--port", "0", "--admin-port", await freePort(), "--max-connections", "2000", "--shards", "2"],
        ...["--log-level", "fatal"],
      ],
      { filesMax: 512 },
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

describe("beside an instance that runs", () => {
  let instance: TestInstance;

  beforeAll(async () => {
    instance = await startInstance(["--shards", "2", "--max-connections", "500"]);
  }, TEST_MS);

  afterAll(async () => {
    await instance?.end();
  }, TEST_MS);

  test(
    "a second instance on the same public port is refused, and the first one keeps all its clients",
    async () => {
      const [adminPort = 0] = await freePorts(1);
      const pids = await instance.shardPids();
      const client = connect(instance.url);
      try {
        const seen: number[] = [];
        await client.subscribe<number>("undisturbed", ({ data }) => seen.push(data)).ready;
        const refused = await serveRefused(["--port", `${instance.port}`, "--admin-port", `${adminPort}`]);
        expect(refused.code).toBe(1);
        expect(refused.output).toContain(`port ${instance.port} on 127.0.0.1 is taken`);
        expect(refused.output).toContain("choose another --port");
        await instance.publish({ channel: "undisturbed", data: 1 });
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

  test(
    "where both ports are taken, both are told at once, and to who typed `npm start` how flags pass it",
    async () => {
      const { port } = instance;
      const adminPort = Number(new URL(instance.admin).port);
      const flags = ["--port", `${port}`, "--admin-port", `${adminPort}`];
      const refused = await serveRefused(flags);
      expect(refused.code).toBe(1);
      const told = `port ${port} on 127.0.0.1 and port ${adminPort} on 127.0.0.1 are taken`;
      expect(refused.output).toContain(told);
      expect(refused.output).toContain("choose another --port and another --admin-port.");
      const started = await serveRefused(flags, { env: NPM_START });
      expect(started.output).toContain(told);
      expect(started.output).toMatch(/: npm start -- --port \d+ --admin-port \d+"/);
    },
    TEST_MS,
  );
});

test(
  "a value whose flag npm has kept for itself is refused with how flags pass it",
  async () => {
    const refused = await serveRefused(["9000"], { env: NPM_START });
    expect(refused.code).toBe(2);
    expect(refused.output).toContain("9000: belongs to no flag");
    expect(refused.output).toContain("npm start -- --port 9000");
    expect((await serveRefused(["9000"])).output).not.toContain("npm start");
    expect((await serveRefused(["--no-flag"], { env: NPM_START })).output).not.toContain("npm start");
  },
  TEST_MS,
);

async function freePort(): Promise<string> {
  const [port] = await freePorts(1);
  return String(port);
}

/** Runs `serve` where it must not come up. With a limit, as a user whose processes may open so many files. */
async function serveRefused(
  flags: readonly string[],
  { filesMax, env }: { readonly filesMax?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ code: number; output: string }> {
  const serve = [process.execPath, MAIN, "serve", "--host", "127.0.0.1", ...flags];
  const limited = ["sh", "-c", `ulimit -n ${filesMax} && exec "$@"`, "sh", ...serve];
  const child = Bun.spawn(filesMax === undefined ? serve : limited, {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  // One that comes up after all would never end by itself.
  const tooLong = setTimeout(() => child.kill("SIGKILL"), TEST_MS / 2);
  const { stdout, stderr, exitCode } = await finished(child);
  clearTimeout(tooLong);
  return { code: exitCode, output: stdout + stderr };
}
