import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { freePorts } from "./ports.ts";

test("free ports are all different, also over calls, and below those that systems give to anybody", async () => {
  const ports = [...(await freePorts(20)), ...(await freePorts(20))];
  expect(new Set(ports).size).toBe(40);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});

test("a port that somebody listens at, on whatever address, is passed over", async () => {
  for (const host of ["127.0.0.1", "127.0.0.2", "0.0.0.0"]) {
    const [port = 0] = await freePorts(1);
    // The next one in their order; where it is taken already, the better.
    const taken = await listen(port + 1, host).catch(() => undefined);
    expect(await freePorts(1)).not.toContain(port + 1);
    await taken?.();
  }
});

/** Resolves with what ends it. */
function listen(port: number, host: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, host, () => resolve(() => new Promise((closed) => server.close(() => closed()))));
  });
}
