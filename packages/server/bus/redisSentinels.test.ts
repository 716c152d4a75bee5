import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { askRedis, redisAvailable, startRedis } from "../../../test/services/redis.ts";
import { startRedisSentinels, type TestRedisSentinels } from "../../../test/services/redisSentinels.ts";
import { until } from "../../../test/services/until.ts";
import { connected } from "./busState.fixture.ts";
import { busConformance } from "./conformance.ts";
import { CHANNEL, faultOf, redisBus, untilDelivered } from "./redis.fixture.ts";
import type { RedisBroadcastBus } from "./redis.ts";

const FAILOVER_MS = 60_000;

describe.skipIf(!redisAvailable())("a real Redis behind sentinels", () => {
  let shared: Promise<TestRedisSentinels> | undefined;
  afterAll(async () => (await shared)?.stop());

  busConformance("redis behind sentinels", async () => {
    shared ??= startRedisSentinels();
    const { url } = await shared;
    return { create: (options) => connected(redisBus({ url, ...options })), close: () => Promise.resolve() };
  });

  test(
    "sentinels that want the password of Redis get it, and only they",
    async () => {
      const servers = await startRedisSentinels({ masterPassword: "geheim", sentinelPassword: "geheim" });
      const bus = await connected(redisBus({ url: servers.url }));
      await untilDelivered(bus, bus);
      await bus.close();
      await servers.stop();
    },
    FAILOVER_MS,
  );

  test("where no sentinel knows the master it says so", async () => {
    const sentinel = await startRedis({ isSentinel: true });
    const bus = redisBus({ url: `redis+sentinel://127.0.0.1:${sentinel.port},127.0.0.1:1/main` });
    await faultOf(bus, /no sentinel names a master: .*No such master/);
    await bus.close();
    await sentinel.stop();
  });

  describe("that fails over", () => {
    let servers: TestRedisSentinels;
    let buses: RedisBroadcastBus[];

    beforeEach(async () => {
      servers = await startRedisSentinels();
      buses = [redisBus({ url: servers.url }), redisBus({ url: servers.url })];
      await Promise.all(buses.map(connected));
      expect(await subscribersOf(servers.master.port)).toBe(2);
    });

    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await servers.stop();
    });

    async function expectDelivery(): Promise<void> {
      for (const from of buses) for (const to of buses) await untilDelivered(from, to);
    }

    test(
      "a master that was killed is followed by the next",
      async () => {
        await servers.master.kill();
        await until(async () => (await subscribersOf(servers.replica.port)) === 2, FAILOVER_MS);
        await expectDelivery();
        // It comes back as a replica, which nobody may take for the master.
        await servers.master.restart();
        await until(async () => (await roleOf(servers.master.port)) === "slave", FAILOVER_MS);
        await expectDelivery();
        expect(await subscribersOf(servers.master.port)).toBe(0);
      },
      FAILOVER_MS,
    );

    test(
      "a master that hangs is left although its connections look alive",
      async () => {
        servers.master.signal("SIGSTOP");
        await until(async () => (await subscribersOf(servers.replica.port)) === 2, FAILOVER_MS);
        await expectDelivery();
        servers.master.signal("SIGCONT");
        await until(async () => (await subscribersOf(servers.master.port)) === 0, FAILOVER_MS);
        await expectDelivery();
      },
      FAILOVER_MS,
    );

    test(
      "a sentinel that hangs, and one that is gone, are done without",
      async () => {
        servers.sentinels[0]?.signal("SIGSTOP");
        await servers.sentinels[1]?.kill();
        const late = await connected(redisBus({ url: servers.url }));
        buses.push(late);
        await expectDelivery();
      },
      FAILOVER_MS,
    );
  });
});

async function subscribersOf(port: number): Promise<number> {
  return Number(/:(\d+)/.exec((await askRedis(port, `PUBSUB NUMSUB ${CHANNEL}`)) ?? "")?.[1] ?? 0);
}

async function roleOf(port: number): Promise<string | undefined> {
  return /(master|slave)/.exec((await askRedis(port, "ROLE")) ?? "")?.[1];
}
