import { expect, test } from "bun:test";
import type { ShardHealth } from "../health.ts";
import { killDemoShard } from "./demoShards.ts";

function shardsOf(...healths: ReadonlyArray<Partial<ShardHealth>>) {
  const killed: number[] = [];
  const shards = healths.map((health, shard) => ({
    health: { shard, pid: 100 + shard, state: "ready" as const, connections: 0, restarts: 0, ...health },
    kill: () => void killed.push(shard),
  }));
  const ask = async (body: unknown, isDemo = true) => {
    const request = new Request("http://h/", { method: "POST", body: JSON.stringify(body) });
    const response = await killDemoShard(request, { isDemo, shards });
    const { error } = (await response.json()) as { error?: { code: string } };
    return error?.code ?? response.status;
  };
  return { ask, killed };
}

test("the shard with the most clients is killed, or the one that is named", async () => {
  const { ask, killed } = shardsOf({ connections: 2 }, { connections: 7 }, {});
  expect(await ask({})).toBe(200);
  expect(await ask({ shard: 2 })).toBe(200);
  expect(killed).toEqual([1, 2]);
});

test("nothing is killed outside the demo, while a shard is away, without clients, or on bad input", async () => {
  const well = shardsOf({ connections: 1 }, {});
  expect(await well.ask({}, false)).toBe("demo_only");
  for (const body of [{ shard: 9 }, { shard: -1 }, { shard: "0" }, 7, null])
    expect(await well.ask(body)).toBe("bad_request");
  const idle = shardsOf({}, {});
  expect(await idle.ask({})).toBe("shard_idle");
  const away = shardsOf({ connections: 1 }, { state: "down" });
  expect(await away.ask({})).toBe("shard_not_ready");
  expect([...well.killed, ...idle.killed, ...away.killed]).toEqual([]);
});
