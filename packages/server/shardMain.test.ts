import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalBusServer } from "./bus/localServer.ts";
import { loaded } from "./config/loadConfig.fixture.ts";
import { LocalLogServer } from "./log/localServer.ts";
import type { LogStream, StreamLog } from "./log/log.ts";
import type { FromShard, ToShard } from "./supervisor/ipc.ts";

/** A shard's process with this test as its supervisor, over a log that has these streams. */
async function runShard(streams: readonly LogStream[]): Promise<FromShard[]> {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  const [busPath, logPath] = [join(directory, "bus.sock"), join(directory, "log.sock")];
  const log: StreamLog = {
    streams: () => Promise.resolve([...streams]),
    read: () => Promise.resolve({ kind: "gone" }),
    close: () => Promise.resolve(),
  };
  const bus = new LocalBusServer({ path: busPath });
  const logServer = new LocalLogServer({ path: logPath, log });
  const told: FromShard[] = [];
  const { config } = loaded({ argv: ["--host", "127.0.0.1", "--port", "0", "--log-level", "fatal"] });
  const child = Bun.spawn([process.execPath, new URL("./shardMain.ts", import.meta.url).pathname], {
    stdio: ["ignore", "ignore", "ignore"],
    serialization: "json",
    ipc: (message: FromShard) => {
      if (message.type === "beat") return;
      told.push(message);
      if (message.type === "ready") child.send({ type: "stop" } satisfies ToShard);
    },
  });
  const start = {
    config,
    shard: 0,
    boot: "boot",
    port: 0,
    busPath,
    logPath,
    peerLogPath: logPath,
    permits: { number: 0, clients: 1, subscriptions: 1 },
    positions: [],
  };
  child.send({ type: "start", start } satisfies ToShard);
  await child.exited;
  await bus.close();
  await logServer.close();
  rmSync(directory, { recursive: true });
  return told;
}

const STREAM: LogStream = { id: "k3f9abc", name: "trades/0", earliest: 0, next: 0 };

test("a shard whose streams can be told apart becomes ready", async () => {
  expect(await runShard([STREAM])).toMatchObject([{ type: "ready" }]);
}, 30_000);

test("two streams with one id end the instance, with both names", async () => {
  const told = await runShard([STREAM, { ...STREAM, name: "orders/3" }]);
  expect(told).toMatchObject([{ type: "failed", message: expect.stringMatching(/trades\/0.*orders\/3/) }]);
}, 30_000);
