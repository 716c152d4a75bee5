import { expect, test } from "bun:test";
import { loopbackAddresses, SourcePorts } from "./sourcePorts.ts";

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
