import { startRedis, type TestRedis, type TestRedisOptions } from "../../../test/services/redis.ts";
import type { ReconnectableBus } from "./bus.ts";
import { connected } from "./busState.fixture.ts";
import type { BusUnderTest } from "./conformance.ts";
import { RedisBroadcastBus, type RedisBusOptions } from "./redis.ts";

export const CHANNEL = "test.frames";
const FAST = { retryMinMs: 1, retryMaxMs: 20 };

type BusOptions = Omit<RedisBusOptions, "channel"> & Partial<RedisBusOptions>;

/** A bus with fast reconnects. */
export function redisBus(options: BusOptions): RedisBroadcastBus {
  return new RedisBroadcastBus({ channel: CHANNEL, ...FAST, ...options });
}

/** One server, and how a bus reaches it. */
export async function oneServer(
  server: TestRedisOptions,
  options: (redis: TestRedis) => BusOptions,
): Promise<BusUnderTest> {
  const redis = await startRedis(server);
  return {
    create: (more) => connected(redisBus({ ...options(redis), ...more })),
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
}

/** Publishes until `to` has a frame of `from`, whatever happens to their connections meanwhile. */
export async function untilDelivered(from: ReconnectableBus, to: ReconnectableBus): Promise<void> {
  const word = crypto.randomUUID();
  let isSeen = false;
  const subscription = await to.subscribe((frame) => {
    isSeen ||= Buffer.from(frame).equals(Buffer.from(word));
  });
  while (!isSeen) {
    const outcome = await Promise.race([
      from.publish(Buffer.from(word)).then(() => "taken", String),
      Bun.sleep(50),
    ]);
    if (outcome !== "taken") await Bun.sleep(5);
  }
  await subscription.close();
}

/** The beginning of the fault for which a bus has no connection, once it is one that `matches`. */
export async function faultOf(bus: ReconnectableBus, matches: RegExp): Promise<string> {
  for (;;) {
    const fault = await bus.publish(new Uint8Array(1)).then(() => "", String);
    if (matches.test(fault)) return fault;
    await Bun.sleep(5);
  }
}
