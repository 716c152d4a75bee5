import { redisAvailable, startRedis } from "../../../test/services/redis.ts";
import { type BusUnderTest, busConformance } from "./conformance.ts";
import { RedisBroadcastBus } from "./redis.ts";

const FAST = { retryMinMs: 1, retryMaxMs: 20 };
const isAvailable = redisAvailable();

if (isAvailable) {
  busConformance("redis", async () => {
    const redis = await startRedis();
    const underTest: BusUnderTest = {
      create: (options) =>
        connected(new RedisBroadcastBus({ url: redis.url, channel: "c", ...FAST, ...options })),
      cut: async () => {
        await redis.kill();
        return redis.restart;
      },
      hang: () => {
        redis.signal("SIGSTOP");
        return Promise.resolve(() => {
          redis.signal("SIGCONT");
          return Promise.resolve();
        });
      },
      close: redis.stop,
    };
    return underTest;
  });
}

async function connected(bus: RedisBroadcastBus): Promise<RedisBroadcastBus> {
  if (bus.state === "connected") return bus;
  await new Promise<void>((resolve) => {
    const stop = bus.onState((state) => {
      if (state !== "connected") return;
      stop();
      resolve();
    });
  });
  return bus;
}
