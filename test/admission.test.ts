// Limits that hold over all shards of a real instance.
import { afterEach, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "./instance.fixture.ts";

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
  "a rate that leaves a shard nothing is refused at start",
  async () => {
    const starting = startInstance(["--shards", "3", "--max-accepts-per-second", "2"]);
    await expect(starting).rejects.toThrow("--max-accepts-per-second 2 leaves some of 3 shards nothing");
  },
  TEST_MS,
);

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
