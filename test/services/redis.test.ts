import { describe, expect, test } from "bun:test";
import { redisAvailable, startRedis } from "./redis.ts";

describe.skipIf(!redisAvailable())("a real Redis", () => {
  test("answers, and answers again on the same port after it was killed", async () => {
    const redis = await startRedis();
    expect(await ping(redis.port)).toBe("+PONG\r\n");
    await redis.kill();
    await redis.restart();
    expect(await ping(redis.port)).toBe("+PONG\r\n");
    await redis.stop();
  });
});

function ping(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write("PING\r\n"),
        data: (socket, bytes) => {
          resolve(bytes.toString());
          socket.end();
        },
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}
