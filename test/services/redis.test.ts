import { describe, expect, test } from "bun:test";
import { askRedis, redisAvailable, startRedis } from "./redis.ts";

describe.skipIf(!redisAvailable())("a real Redis", () => {
  test("answers, and answers again on the same port after it was killed", async () => {
    const redis = await startRedis();
    expect(await askRedis(redis.port, "PING")).toBe("+PONG\r\n");
    await redis.kill();
    expect(await askRedis(redis.port, "PING")).toBeUndefined();
    await redis.restart();
    expect(await askRedis(redis.port, "PING")).toBe("+PONG\r\n");
    await redis.stop();
  });
});
