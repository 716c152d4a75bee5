// The SDK with `encoding: deflate` against a real instance, beside a plain client, over a shard that is killed.
import { expect, test } from "bun:test";
import { type Client, connect } from "../packages/client/client.ts";
import { deflate } from "../packages/client/deflate.ts";
import { closedAfterEach } from "./closing.fixture.ts";
import { startInstance } from "./instance.fixture.ts";

const closedLater = closedAfterEach();

const CHANNELS = ["a.x", "a.y", "b"];

test("a client that inflates gets exactly what a plain one gets, also through a shard's death", async () => {
  const instance = await startInstance(["--shards", "2", "--log-level", "error"]);
  closedLater({ close: () => instance.end() });
  const clients: { readonly client: Client; readonly got: number[] }[] = [];
  for (const encoding of [deflate, deflate, deflate, undefined]) {
    const got: number[] = [];
    const options = { backoff: { minMs: 20, maxMs: 200 }, ...(encoding && { encoding }) };
    const client = closedLater(connect(instance.url, options));
    clients.push({ client, got });
    const { ready } = client.subscribe<number>("a.*", ({ data }) => got.push(data));
    await ready;
    await client.subscribe<number>("b", ({ data }) => got.push(data)).ready;
  }
  let next = 0;
  const publish = async (count: number): Promise<void> => {
    const items = Array.from({ length: count }, () => ({ channel: CHANNELS[next % 3] ?? "", data: next++ }));
    await instance.publish(...items);
  };
  const settled = async (): Promise<void> => {
    while (clients.some(({ got }) => got.length < next)) await Bun.sleep(10);
  };
  for (let i = 0; i < 20; i++) await publish(30);
  await settled();
  const [victim] = await instance.shardPids();
  if (victim !== undefined) process.kill(victim, "SIGKILL");
  for (let i = 0; i < 20; i++) await publish(30);
  await settled();
  const all = Array.from({ length: next }, (_, i) => i);
  for (const { got } of clients) expect(got).toEqual(all);
  expect(clients.reduce((sum, { client }) => sum + client.stats.errors, 0)).toBe(0);
  const metrics = await (await fetch(`${instance.admin}/metrics`)).text();
  const total = (name: string) =>
    [...metrics.matchAll(new RegExp(`^shardcast_${name}\\{[^}]*\\} (\\d+)`, "gm"))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  expect(total("deflate_clients")).toBe(3);
  expect(total("deflate_bytes_out_total")).toBeLessThan(total("deflate_bytes_in_total") / 3);
  expect(total("deflate_sent_bytes_total")).toBeGreaterThan(0);
}, 60_000);
