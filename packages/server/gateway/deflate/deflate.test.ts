// Clients that ask for `encoding=deflate`, over real sockets.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { closedAfterEach } from "../../../../test/closing.fixture.ts";
import { AccessControl } from "../../auth/access.ts";
import type { Grant } from "../../auth/grant.ts";
import { type GatewayFixtureOptions, gatewayFixture, RawClient } from "../gateway.fixture.ts";

const DEFLATE = {
  ...{ level: 6, frameBytesMax: 64 * 1024, membershipsMax: 1000, waitMsMax: 0 },
  // On a busy machine the smallest frame may take longer than a turn's share, and go plain.
  turnMsMax: Number.POSITIVE_INFINITY,
};

const closedLater = closedAfterEach();

function start(options: GatewayFixtureOptions = {}) {
  const fixture = closedLater(gatewayFixture({ encoding: "deflate", ...options }));
  const { deflate } = fixture.gateway;
  if (deflate === undefined) throw new Error("the fixture deflates, unless told otherwise");
  return { ...fixture, deflate };
}

async function connect(url: string): Promise<RawClient> {
  return closedLater(await RawClient.open(url));
}

/** A client that has subscribed. */
async function subscribed(url: string, channels: readonly string[]): Promise<RawClient> {
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels });
  return client;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
/** Resolves when everything that was sent to the client before has come. */
const settled = (client: RawClient) => client.ask({ type: "ping", id: 1000 + client.received.length });
const inflated = (frame: Uint8Array<ArrayBuffer>) => new TextDecoder().decode(Bun.inflateSync(frame));

test("the messages of one turn come in one frame, in order, across channels; answers are text", async () => {
  const { url, publish } = start({ gateway: { deflate: DEFLATE } });
  const client = await subscribed(url, ["a.*", "b"]);
  for (const i of upTo(20)) publish(i % 3 === 0 ? "b" : `a.${i % 3}`, i);
  await settled(client);
  expect(client.data).toEqual(upTo(20));
  expect(client.binaryFrames).toHaveLength(1);
  expect(client.received[0]).toMatchObject({ type: "welcome", encoding: "deflate" });
  expect(client.received.at(-1)).toMatchObject({ type: "pong" });
});

test("who does not ask, asks for something else, or is not allowed gets text, and is told so by the welcome", async () => {
  const { url, publish } = start({ gateway: { deflate: DEFLATE } });
  const off = closedLater(gatewayFixture({ encoding: "deflate", gateway: { deflate: undefined } }));
  const plain = url.replace("?encoding=deflate", "");
  const clients = await Promise.all(
    [plain, `${plain}?encoding=zstd`, `${plain}?encoding=`, off.url].map((each) => subscribed(each, ["a"])),
  );
  for (const i of upTo(20)) {
    publish("a", i);
    off.publish("a", i);
  }
  for (const client of clients) {
    await settled(client);
    expect(client.data).toEqual(upTo(20));
    expect(client.binaryFrames).toHaveLength(0);
    expect(client.received[0]).not.toHaveProperty("encoding");
  }
  const several = await connect(`${plain}?encoding=zstd,deflate`);
  expect(several.received[0]).toMatchObject({ encoding: "deflate" });
});

test("what many clients get is compressed once, also for groups that differ and have got the same", async () => {
  const { url, publish, deflate } = start({ gateway: { deflate: DEFLATE } });
  const alike = await Promise.all(upTo(30).map(() => subscribed(url, ["a.x", "a.y"])));
  const others = await Promise.all(upTo(20).map((i) => subscribed(url, ["a.*", `own.${i}`])));
  expect(deflate.stats.size).toBe(21);
  for (const i of upTo(30)) publish(i % 2 === 0 ? "a.x" : "a.y", i);
  for (const client of [...alike, ...others]) {
    await settled(client);
    expect(client.data).toEqual(upTo(30));
    expect(client.binaryFrames).toHaveLength(1);
  }
  expect(deflate.stats.live.frames).toBe(1);
  // One of them gets something more: another frame for that one, the same as before for the rest.
  for (const i of upTo(30)) publish(i === 10 ? "own.3" : "a.x", 100 + i);
  await Promise.all([...alike, ...others].map(settled));
  expect(deflate.stats.live.frames).toBe(3);
  const { bytesIn, bytesOut } = deflate.stats.live;
  expect(bytesOut).toBeLessThan(bytesIn / 3);
  const { sentBytes, sentBytesBefore } = deflate.stats.groups;
  const frames = [...alike, ...others].flatMap((client) => client.binaryFrames);
  expect(sentBytes).toBe(frames.reduce((sum, frame) => sum + frame.length, 0));
  expect(sentBytesBefore).toBeGreaterThan(3 * sentBytes);
});

test("a frame holds no more than its limit, but for one larger message alone", async () => {
  const frameBytesMax = 2048;
  const { url, publish } = start({ gateway: { deflate: { ...DEFLATE, frameBytesMax } } });
  const client = await subscribed(url, ["a"]);
  const large = "x".repeat(3 * frameBytesMax);
  for (const i of upTo(60)) publish("a", i === 30 ? large : i);
  await settled(client);
  expect(client.data).toEqual(upTo(60).map((i) => (i === 30 ? large : i)));
  const sizes = client.binaryFrames.map((frame) => inflated(frame).length);
  expect(sizes.length).toBeGreaterThan(3);
  expect(sizes.filter((size) => size > 2 * frameBytesMax)).toHaveLength(1);
  // The brackets and commas of the list come on top.
  expect(sizes.filter((size) => size > frameBytesMax + 100)).toHaveLength(1);
});

test("a message by itself that would hardly be smaller goes as it is, and is counted", async () => {
  const { url, publish, deflate } = start({ gateway: { deflate: DEFLATE } });
  const client = await subscribed(url, ["a"]);
  publish("a", 1);
  await settled(client);
  expect(client.data).toEqual([1]);
  expect(client.binaryFrames).toHaveLength(0);
  expect(deflate.stats.groups.plain).toEqual({ small: 1, busy: 0 });
});

test("without room for another group a client gets plain frames, all of them, and one that leaves makes room", async () => {
  const { url, publish, deflate } = start({ gateway: { deflate: { ...DEFLATE, membershipsMax: 2 } } });
  const first = await subscribed(url, ["a", "b"]);
  const second = await subscribed(url, ["a"]);
  for (const i of upTo(20)) publish("a", i);
  await Promise.all([settled(first), settled(second)]);
  expect([first.data, second.data]).toEqual([upTo(20), upTo(20)]);
  expect([first.binaryFrames.length, second.binaryFrames.length]).toEqual([1, 0]);
  expect(deflate.stats.groups.refused).toBe(1);
  await first.ask({ type: "unsubscribe", id: 2, channels: ["a", "b"] });
  await second.ask({ type: "subscribe", id: 2, channels: ["b"] });
  for (const i of upTo(20)) publish(i % 2 === 0 ? "a" : "b", 20 + i);
  await settled(second);
  expect(second.data).toEqual(upTo(40));
  expect(second.binaryFrames).toHaveLength(1);
});

test("a resume, last values and a gap come to such a client as to any other, the first two compressed", async () => {
  const { url, publish, hub, deflate } = start({ gateway: { deflate: DEFLATE } });
  const first = await connect(url);
  const answer = await first.ask({ type: "subscribe", id: 1, channels: ["a.*"] });
  const mark = "mark" in answer ? answer.mark : undefined;
  for (const i of upTo(300)) publish(`a.${i % 50}`, i);
  const second = await connect(url);
  second.send({ type: "subscribe", id: 1, channels: ["a.*"], since: [mark] });
  await second.until(() => second.received.at(-1)?.type === "subscribed");
  expect(second.data).toEqual(upTo(300));
  expect(second.received.at(-1)).toMatchObject({ channels: [{ recovered: true }] });
  // The welcome and the answer alone are text.
  expect(second.received).toHaveLength(302);
  expect(deflate.stats.replays.frames).toBe(second.binaryFrames.length);
  const snapshots = await connect(url);
  const channels = [{ channel: "a.*", snapshot: true }];
  await snapshots.ask({ type: "subscribe", id: 1, channels });
  await snapshots.until(() => snapshots.data.length === 50);
  expect(snapshots.binaryFrames.length).toBeGreaterThan(0);
  for (const i of upTo(10)) publish("a.b", i);
  hub.gap("stream0", 309, 320, "retention");
  await settled(second);
  expect(second.received.slice(-12).map(({ type }): string => type)).toEqual([
    ...upTo(10).map(() => "message"),
    "gap",
    "pong",
  ]);
});

test("the first message after a quiet time is not held; what follows it comes in one frame when the wait is over", async () => {
  const waitMsMax = 300;
  const { url, publish } = start({ gateway: { deflate: { ...DEFLATE, waitMsMax } } });
  const client = await subscribed(url, ["a"]);
  publish("a", 0);
  await client.until(() => client.data.length === 1);
  const sinceMs = performance.now();
  for (const i of upTo(20)) {
    publish("a", 1 + i);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(client.data).toEqual([0]);
  await client.until(() => client.data.length === 21);
  expect(client.data).toEqual(upTo(21));
  expect(client.binaryFrames).toHaveLength(1);
  // On the clock of another timer.
  expect(performance.now() - sinceMs).toBeGreaterThan(waitMsMax / 2);
});

test("pings of a group's clients end no wait; their marks cover what came before them, and no more", async () => {
  const { url, publish, hub } = start({ gateway: { deflate: { ...DEFLATE, waitMsMax: 200 } } });
  const clients = await Promise.all(upTo(5).map(() => subscribed(url, ["a"])));
  publish("a", 0);
  await Promise.all(clients.map((client) => client.until(() => client.data.length === 1)));
  for (const i of upTo(10)) publish("a", 1 + i);
  const pongs = Promise.all(clients.map((client) => client.ask({ type: "ping", id: 2 })));
  for (const i of upTo(10)) publish("a", 11 + i);
  const mark = hub.mark();
  for (const pong of await pongs) expect(pong).toMatchObject({ type: "pong", mark });
  for (const client of clients) {
    expect(client.data).toEqual(upTo(21));
    expect(client.binaryFrames).toHaveLength(1);
  }
});

test("what goes to a client alone ends the wait of its group, before it", async () => {
  const { url, publish, deflate } = start({ gateway: { deflate: { ...DEFLATE, waitMsMax: 60_000 } } });
  const client = await subscribed(url, ["a"]);
  publish("a", 0);
  await client.until(() => client.data.length === 1);
  for (const i of upTo(20)) publish("a", 1 + i);
  await client.ask({ type: "unsubscribe", id: 2, channels: ["x"] });
  expect(client.data).toEqual(upTo(21));
  for (const i of upTo(20)) publish("a", 21 + i);
  await client.ask({ type: "unsubscribe", id: 3, channels: ["a"] });
  expect(client.data).toEqual(upTo(41));
  expect(deflate.stats.live.frames).toBe(2);
});

for (const from of ["history", "the log"]) {
  test(`what a client resumes of another channel, from ${from}, comes behind what waits for its group`, async () => {
    // Its last cursor is what a client resumes from: had the later one overtaken, a break in between would lose the earlier.
    const fixture = start({
      gateway: { deflate: { ...DEFLATE, waitMsMax: 60_000 } },
      history: { messagesMax: from === "history" ? 1000 : 3 },
    });
    const { url, publish, logHeld, reads } = fixture;
    const client = await subscribed(url, ["a"]);
    publish("a", 0);
    await client.until(() => client.data.length === 1);
    for (const i of upTo(10)) publish("a", 1 + i);
    for (const i of upTo(10)) publish("b", 11 + i);
    const held = Promise.withResolvers<void>();
    if (from === "the log") logHeld.until = held.promise;
    client.send({ type: "subscribe", id: 2, channels: ["b"], since: ["stream0:0"] });
    if (from === "the log") {
      while (reads.length === 0) await new Promise((resolve) => setImmediate(resolve));
      held.resolve();
    }
    await client.until(() => client.received.at(-1)?.type === "subscribed");
    expect(client.data).toEqual(upTo(21));
    expect(reads).toHaveLength(from === "history" ? 0 : 1);
  });
}

test("groups are gone when their clients are, and count for nothing", async () => {
  const { url, gateway, deflate } = start();
  const clients = await Promise.all(upTo(5).map((i) => subscribed(url, ["a", `b.${i}`])));
  expect([deflate.clients, deflate.stats.size]).toEqual([5, 5]);
  await clients[0]?.ask({ type: "unsubscribe", id: 2, channels: ["a", "b.0"] });
  expect(deflate.stats.size).toBe(4);
  for (const client of clients) client.close();
  while (gateway.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  expect([deflate.clients, deflate.stats.size]).toEqual([0, 0]);
});

test("what is sent to a client alone comes behind what was published before it in the same turn, and before the rest", async () => {
  const warnings: ((expiresInMs: number) => void)[] = [];
  class WarningAtWill extends AccessControl {
    override watch(_: Grant, warn: (expiresInMs: number) => void): () => void {
      warnings.push(warn);
      return () => {};
    }
  }
  const access = new WarningAtWill({
    verifier: undefined,
    anonymousChannels: ["*"],
    warningMs: 0,
    leewayMs: 0,
    now: Date.now,
    schedule: () => () => {},
  });
  const { url, publish } = start({ gateway: { access } });
  const client = await subscribed(url, ["a"]);
  publish("a", 1);
  publish("a", 2);
  for (const warn of warnings) warn(5000);
  publish("a", 3);
  await settled(client);
  expect(client.received.slice(2).map(({ type }): string => type)).toEqual([
    "message",
    "message",
    "token_expiring",
    "message",
    "pong",
  ]);
  expect(client.binaryFrames).toHaveLength(2);
});

test("whatever the batches, a deflating client gets the very sequence that a plain one gets", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("publish" as const), channel: fc.nat(3), bytes: fc.nat(600) }),
    fc.record({ kind: fc.constant("turn" as const) }),
    fc.record({ kind: fc.constantFrom("subscribe" as const, "unsubscribe" as const), channel: fc.nat(3) }),
  );
  const { url, publish } = start({
    requestsPerSecond: 1e9,
    gateway: { deflate: { ...DEFLATE, frameBytesMax: 2000, savedBytesMin: 20, waitMsMax: 2 } },
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const clients = [await connect(url), await connect(url.replace("?encoding=deflate", ""))];
      let id = 0;
      for (const each of steps) {
        if (each.kind === "publish") publish(`c${each.channel}`, `${++id} ${"ab".repeat(each.bytes / 2)}`);
        else if (each.kind === "turn") await new Promise((resolve) => setImmediate(resolve));
        else {
          const request = { type: each.kind, id: ++id, channels: [`c${each.channel}`] };
          await Promise.all(clients.map((client) => client.ask(request)));
        }
      }
      await Promise.all(clients.map((client) => client.ask({ type: "ping", id: ++id })));
      const [deflating, plain] = clients.map(({ received }) =>
        received.flatMap((each) => (each.type === "message" ? [each] : [])),
      );
      expect(deflating).toEqual(plain);
      for (const client of clients) client.close();
    }),
    { numRuns: 60 },
  );
});
