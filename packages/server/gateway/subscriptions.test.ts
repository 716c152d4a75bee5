// Which topics a connection really listens on, as its subscriptions come and go.
import { expect, test } from "bun:test";
import { covers } from "@shardcast/protocol/channel";
import fc from "fast-check";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { ENCODINGS, gatewayFixture, RawClient } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();

const channels = fc
  .array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("."));
const names = fc.oneof(
  channels,
  channels.map((name) => `${name}.*`),
);

test.each(ENCODINGS)(
  "whatever is subscribed and unsubscribed in whatever order, each message comes once to whom it is for (%s)",
  async (encoding) => {
    const requests = fc.array(
      fc.record({
        type: fc.constantFrom("subscribe", "subscribe", "unsubscribe"),
        channels: fc.uniqueArray(names, { minLength: 1, maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const everyChannel = ["a", "b", "a.a", "a.b", "b.a", "b.b", "a.a.a", "a.b.a", "b.a.b"];
    const fixture = closedLater(gatewayFixture({ encoding, requestsPerSecond: 1e9 }));
    await fc.assert(
      fc.asyncProperty(requests, async (sent) => {
        const client = await RawClient.open(fixture.url);
        const has = new Set<string>();
        const expected: number[] = [];
        let id = 0;
        for (const { type, channels: asked } of sent) {
          await client.ask({ type, id: ++id, channels: asked });
          for (const name of asked) {
            if (type === "subscribe") has.add(name);
            else has.delete(name);
          }
          for (const channel of everyChannel) {
            const isWanted = [...has].some((name) => name === channel || covers(name, channel));
            const offset = fixture.publish(channel, fixture.hub.history.slot(0).next);
            if (isWanted) expected.push(offset);
          }
        }
        await client.ask({ type: "ping", id: ++id });
        expect(client.data).toEqual(expected);
        client.close();
        while (fixture.gateway.connections > 0) await new Promise((resolve) => setImmediate(resolve));
        expect(fixture.hub.topics.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  },
);

test("one client with a thousand patterns that asks as often as it may leaves the shard to the others", async () => {
  const fixture = gatewayFixture({
    limits: { subscriptionsMax: 1000 },
    gateway: { messageBytesMax: 64 * 1024 },
  });
  closedLater(fixture);
  const client = closedLater(await RawClient.open(fixture.url));
  const patterns = Array.from({ length: 999 }, (_, i) => `p${i}.q.*`);
  await client.ask({ type: "subscribe", id: 1, channels: patterns });
  const cpu = process.cpuUsage();
  for (let i = 0; i < 25; i++) {
    await client.ask({ type: "subscribe", id: 2 + 2 * i, channels: ["z.*"] });
    await client.ask({ type: "unsubscribe", id: 3 + 2 * i, channels: ["z.*"] });
  }
  const { user, system } = process.cpuUsage(cpu);
  // CPU time and not time on the clock, and far from either side: 1,750 ms when each request compared all with all.
  expect((user + system) / 1000).toBeLessThan(500);
});
