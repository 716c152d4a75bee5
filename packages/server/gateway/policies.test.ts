import { expect, test } from "bun:test";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import fc from "fast-check";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { type GatewayFixtureOptions, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";
import { PolicyConflicts } from "./policyConflicts.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();

function start(options?: GatewayFixtureOptions) {
  return closedLater(gatewayFixture({ history: { bytesMax: 16 << 20 }, ...options }));
}

async function connect(url: string): Promise<RawClient> {
  return closedLater(await RawClient.open(url));
}

async function stalled(port: number, channels: readonly unknown[], path = "/ws"): Promise<RawSocket> {
  const socket = closedLater(await RawSocket.upgraded(port, path));
  socket.writeFrame(1, new TextEncoder().encode(JSON.stringify({ type: "subscribe", id: 1, channels })));
  await socket.until('"subscribed"');
  socket.stopReading();
  return socket;
}

/** The numbers that came by a channel, in order. */
function numbersOf({ messages }: RawSocket, channel: string): number[] {
  const pattern = new RegExp(`"channel":"${channel.replaceAll(".", "\\.")}"[^{]*"data":\\{"i":(\\d+)`);
  return messages.flatMap((text) => pattern.exec(text)?.[1] ?? []).map(Number);
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
/** Compression makes it half as long. */
const filler = crypto.getRandomValues(new Uint8Array(10_000)).toHex();

test("a client of `latest` that keeps up gets every message, in order", async () => {
  const { url, publish } = start();
  const client = await connect(url);
  const answer = await client.ask({
    type: "subscribe",
    id: 1,
    channels: [{ channel: "a.*", policy: "latest" }],
  });
  expect(answer).toMatchObject({ channels: [{ channel: "a.*", recovered: true, policy: "latest" }] });
  for (let i = 0; i < 50; i++) publish(`a.${i % 3}`, i);
  await client.ask({ type: "ping", id: 2 });
  expect(client.data).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

test.each([
  ["latest", "/ws", { policy: "latest" }],
  ["latest that takes deflated frames", "/ws?encoding=deflate", { policy: "latest" }],
  ["a rate", "/ws", { maxRate: 50 }],
])(
  "a stalled client of %s is not cut off, and ends on the exact last value of each channel",
  async (_, path, policy) => {
    const deflate = { level: 1, frameBytesMax: 64 << 10, membershipsMax: 100, waitMsMax: 0 };
    const { gateway, publish, hub } = start({ gateway: { backpressureBytes: 256 << 10, deflate } });
    const channels = ["a.*", "b"].map((channel) => ({ channel, ...policy }));
    const socket = await stalled(gateway.port, channels, path);
    const last = new Map<string, number>();
    const tell = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const channel = i % 10 === 0 ? "b" : `a.${i % 3}`;
        last.set(channel, publish(channel, { i: hub.slot(STREAM)?.next, filler }));
        if (i % 10 === 9) await nextTurn();
      }
    };
    while (gateway.slow.behind === 0 && gateway.connections > 0) {
      await tell(20);
      await Bun.sleep(1);
    }
    await tell(2000);
    expect(gateway.slow.now.bytes).toBeLessThan(4 * (256 << 10));
    expect(gateway.connections).toBe(1);
    socket.readAgain();
    const isCaughtUp = () => [...last].every(([channel, i]) => numbersOf(socket, channel).at(-1) === i);
    while (!isCaughtUp()) await nextTurn();
    // Live again, and told of nothing twice but what a rate may repeat.
    publish("b", { i: 1_000_000 });
    await socket.until('"i":1000000');
    for (const channel of last.keys()) {
      const numbers = numbersOf(socket, channel);
      const wanted = "policy" in policy ? [...new Set(numbers)] : numbers;
      expect(numbers).toEqual([...wanted].sort((a, b) => a - b));
    }
    expect(hub.classes.counters.conflated).toBeGreaterThan(1000);
    expect(gateway.slow).toMatchObject({ cutOff: 0, behind: 0 });
  },
);

test("a rate gets the newest value at most so often, and the served rate is told", async () => {
  const { url, publish } = start();
  const client = await connect(url);
  const channels = [{ channel: "x", maxRate: 7, snapshot: true }];
  const answer = await client.ask({ type: "subscribe", id: 1, channels });
  expect(answer).toMatchObject({ channels: [{ channel: "x", policy: "latest", maxRate: 5 }] });
  const began = performance.now();
  let published = 0;
  for (; performance.now() - began < 1000; published++) {
    publish("x", published);
    await Bun.sleep(2);
  }
  await client.until(() => client.data.at(-1) === published - 1);
  const seconds = (performance.now() - began) / 1000;
  expect(client.data[0]).toBe(0);
  expect(client.data.length).toBeGreaterThan(2);
  expect(client.data.length).toBeLessThanOrEqual(1 + 5 * seconds);
});

test("coming back with `since` gets the last value alone, and is recovered", async () => {
  const { url, publish, hub } = start();
  const mark = hub.mark();
  for (let i = 0; i < 10; i++) publish(i % 2 === 0 ? "x" : "y", i);
  const client = await connect(url);
  const channels = [{ channel: "x", policy: "latest" }, { channel: "y", maxRate: 1 }, "z"];
  const answer = await client.ask({ type: "subscribe", id: 1, channels, since: [mark] });
  await client.ask({ type: "ping", id: 2 });
  expect(answer).toMatchObject({ channels: [{ recovered: true }, { recovered: true }, { recovered: true }] });
  expect(client.data).toEqual([8, 9]);
  expect(client.received.filter((each) => each.type === "message" && each.snapshot)).toHaveLength(2);
});

test("lossless subscriptions beside `latest` resume completely, and a `latest` cursor takes nothing from them", async () => {
  const { url, publish } = start();
  const first = await connect(url);
  await first.ask({ type: "subscribe", id: 1, channels: ["x", { channel: "y", maxRate: 50 }] });
  for (let i = 0; i < 10; i++) publish(i % 2 === 0 ? "x" : "y", i);
  // What a rate brings late is never beyond what the lossless ones have got by then.
  await first.until(() => first.data.includes(9));
  const cursors = first.received.flatMap((each) => (each.type === "message" ? [each.cursor] : []));
  first.close();
  for (let i = 10; i < 20; i++) publish(i % 2 === 0 ? "x" : "y", i);
  const second = await connect(url);
  const channels = ["x", { channel: "y", maxRate: 50 }];
  await second.ask({ type: "subscribe", id: 1, channels, since: cursors });
  await second.ask({ type: "ping", id: 2 });
  expect(second.data).toEqual([10, 12, 14, 16, 18, 19]);
});

test("a gap is told to subscriptions of every policy, also to those that were behind when it came", async () => {
  const { gateway, url, publish, hub } = start({ gateway: { backpressureBytes: 256 << 10 } });
  const client = await connect(url);
  const channels = [{ channel: "x", policy: "latest" }, { channel: "y", maxRate: 5 }, "z"];
  await client.ask({ type: "subscribe", id: 1, channels });
  const behind = await stalled(gateway.port, [{ channel: "x", policy: "latest" }]);
  while (gateway.slow.behind === 0 && gateway.connections > 0) {
    for (let i = 0; i < 20; i++) publish("x", { i: hub.slot(STREAM)?.next, filler });
    await Bun.sleep(1);
  }
  const next = hub.slot(STREAM)?.next ?? 0;
  hub.gap(STREAM, next - 1, next + 5, "retention");
  await client.ask({ type: "ping", id: 2 });
  const told = client.received.flatMap((each) => (each.type === "gap" ? [each.channel] : []));
  expect(told.sort()).toEqual(["x", "y", "z"]);
  behind.readAgain();
  await behind.until('"type":"gap","channel":"x"');
});

test("a client whose newest value is not kept any more is cut off, so that it begins anew and is not left with an old one", async () => {
  const { gateway, publish, hub } = start({
    gateway: { backpressureBytes: 256 << 10 },
    history: { bytesMax: 300_000, lastValueBytesMax: 100_000 },
  });
  const socket = await stalled(gateway.port, [{ channel: "x", policy: "latest" }]);
  while (gateway.slow.behind === 0 && gateway.connections > 0) {
    for (let i = 0; i < 20; i++) publish("x", { i, filler });
    await Bun.sleep(1);
  }
  publish("x", { i: 1_000_000 });
  for (let i = 0; hub.history.channel("x") !== undefined; i++) publish(`other.${i}`, { filler });
  socket.readAgain();
  while (gateway.connections > 0) await Bun.sleep(1);
  expect(gateway.slow.cutOff).toBe(1);
  expect(socket.received).not.toContain('"i":1000000');
});

test("what is no policy, and what another policy covers, is refused by itself", async () => {
  const { url, hub } = start();
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["a.b", { channel: "r.x", maxRate: 5 }] });
  const answer = await client.ask({
    type: "subscribe",
    id: 2,
    channels: [
      { channel: "p1", policy: "newest" },
      { channel: "p2", maxRate: 0.01 },
      { channel: "p3", maxRate: "5" },
      { channel: "p4", maxRate: 5, policy: "lossless" },
      { channel: "a.b", policy: "latest" },
      { channel: "a.*", policy: "latest" },
      { channel: "r.*", maxRate: 1 },
      { channel: "r.x", maxRate: 5 },
      "r.x.y",
      { channel: "c.*", maxRate: 1000 },
    ],
  });
  const codes = answer.type === "subscribed" ? answer.channels.map(({ error }) => error?.code) : [];
  const [invalid, conflict] = ["policy_invalid", "policy_conflict"] as const;
  expect(codes).toEqual([
    ...Array(4).fill(invalid),
    ...Array(3).fill(conflict),
    undefined,
    undefined,
    undefined,
  ]);
  expect(answer).toMatchObject({
    channels: Array(7)
      .fill({})
      .concat([{ maxRate: 5 }, {}, { maxRate: 50 }]),
  });
  const twice = [{ channel: "q", maxRate: 5 }, "q"];
  expect(await client.ask({ type: "subscribe", id: 3, channels: twice })).toMatchObject({
    code: "bad_request",
  });
  await client.ask({ type: "unsubscribe", id: 4, channels: ["a.b"] });
  const again = { type: "subscribe", id: 5, channels: [{ channel: "a.*", policy: "latest" }] };
  expect(await client.ask(again)).toMatchObject({ channels: [{ policy: "latest" }] });
  client.close();
  while (hub.classes.topicCount + hub.topics.size > 0) await Bun.sleep(1);
});

test("two names conflict exactly where their policies differ and one covers the other", () => {
  const part = fc.constantFrom("a", "b");
  const name = fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([parts, isPattern]) => parts.join(".") + (isPattern ? ".*" : ""));
  const policy = fc.constantFrom<SubscriptionPolicy[]>("lossless", "latest", 5);
  const asked = fc.array(fc.record({ name, policy }), { maxLength: 8 });
  const covers = (outer: string, inner: string) =>
    outer === inner || (outer.endsWith(".*") && inner.startsWith(outer.slice(0, -1)));
  fc.assert(
    fc.property(asked, fc.record({ name, policy }), (before, next) => {
      const expected = before.some(
        (each) =>
          each.policy !== next.policy && (covers(each.name, next.name) || covers(next.name, each.name)),
      );
      const unique = before.filter(
        (each, i) => before.findLastIndex((other) => other.name === each.name) === i,
      );
      fc.pre(unique.length === before.length);
      expect(new PolicyConflicts(before).has(next.name, next.policy)).toBe(expected);
    }),
  );
});
