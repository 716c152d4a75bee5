import { expect, test } from "bun:test";
import { isOwnLoopback, loopbackAddresses, SourcePorts } from "./sourcePorts.ts";

test("a generator has 200,000 ports of its own before one comes again, and none of another's", () => {
  const addresses = loopbackAddresses(Math.random);
  const seen = new Set<string>();
  for (const generator of [0, 1]) {
    const ports = new SourcePorts(addresses(generator), Math.random);
    for (let index = 0; index < 200_000; index++) {
      const port = ports.next();
      seen.add(`${port?.localAddress}:${port?.localPort}`);
    }
  }
  expect(seen.size).toBe(400_000);
});

test("without addresses the kernel chooses", () => {
  expect(new SourcePorts([], Math.random).next()).toBeUndefined();
});

test("addresses of its own are for loopback by number, and for Linux", () => {
  expect(isOwnLoopback(["ws://127.0.0.1:3000/ws", "wss://127.1.2.3/ws"], "linux")).toBe(true);
  expect(isOwnLoopback(["ws://127.0.0.1:3000/ws", "ws://10.0.0.1/ws"], "linux")).toBe(false);
  expect(isOwnLoopback(["ws://127.0.0.1:3000/ws"], "darwin")).toBe(false);
});
