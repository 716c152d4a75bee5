// What docs/protocol.md promises under "Bad input", over real sockets, beside a client that must not notice.
import { expect, setSystemTime, test } from "bun:test";
import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import { MARK_TOO_LONG } from "@shardcast/protocol/mark";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { type GatewayFixtureOptions, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();

/** A gateway with a client beside, and a check that this client has got every message once and in order. */
async function start(options?: GatewayFixtureOptions) {
  const fixture = closedLater(gatewayFixture(options));
  const bystander = await connect(fixture.url);
  await bystander.ask({ type: "subscribe", id: 1, channels: ["beside"] });
  let sent = 0;
  const tell = (): void => {
    fixture.publish("beside", sent);
    sent += 1;
  };
  tell();
  const expectUnharmed = async (): Promise<void> => {
    tell();
    await bystander.until(() => bystander.data.length >= sent);
    expect(bystander.data).toEqual(Array.from({ length: sent }, (_, i) => i));
    expect(bystander.closeCode).toBeUndefined();
  };
  return { ...fixture, tell, expectUnharmed };
}

async function connect(url: string): Promise<RawClient> {
  return closedLater(await RawClient.open(url));
}

async function connectRaw(port: number): Promise<RawSocket> {
  return closedLater(await RawSocket.upgraded(port));
}

/** Lets the event loop turn until it holds. */
async function settled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test.each([
  ["not JSON", "{", "bad_request"],
  ["an empty message", "", "bad_request"],
  ["an array", "[]", "bad_request"],
  ["null", "null", "bad_request"],
  ["arrays nested too deep", "[".repeat(16_000), "bad_request"],
  ["objects nested too deep", '{"a":'.repeat(3000), "bad_request"],
  ["no id", '{"type":"ping"}', "bad_request"],
  ["an id that is no integer", '{"type":"ping","id":"1"}', "bad_request"],
  ["an id that no number holds", '{"type":"ping","id":1e300}', "bad_request"],
  ["no type", '{"id":1}', "unknown_type"],
  ["an unknown type", '{"type":"shout","id":1}', "unknown_type"],
  ["a type of a wrong type", '{"type":{},"id":1}', "unknown_type"],
  ["channels that are no list", '{"type":"subscribe","id":1,"channels":"x"}', "bad_request"],
  ["no channels", '{"type":"subscribe","id":1,"channels":[]}', "bad_request"],
  ["a channel of a wrong type", '{"type":"subscribe","id":1,"channels":[7]}', "bad_request"],
  ["unsubscribing what is no name", '{"type":"unsubscribe","id":1,"channels":[{}]}', "bad_request"],
  [
    "too many channels",
    JSON.stringify({ type: "subscribe", id: 1, channels: Array(101).fill("x") }),
    "bad_request",
  ],
  ["a since that is none", '{"type":"subscribe","id":1,"channels":["x"],"since":["?"]}', "since_invalid"],
  ["a since of a wrong type", '{"type":"subscribe","id":1,"channels":["x"],"since":7}', "since_invalid"],
])("%s gets an error, and the connection stays", async (_, text, code) => {
  const { url, hub, expectUnharmed } = await start();
  const client = await connect(url);
  client.send(text);
  await client.until(() => client.received.some((each) => each.type === "error"));
  expect(client.received.find((each) => each.type === "error")).toMatchObject({ code });
  expect(await client.ask({ type: "ping", id: 9 })).toMatchObject({ type: "pong" });
  expect(hub.topics.size).toBe(1);
  await expectUnharmed();
});

test("a binary frame gets an error, and the connection stays", async () => {
  const { url, expectUnharmed } = await start();
  const client = await connect(url);
  client.sendBytes(new Uint8Array([1, 2, 3]));
  await client.until(() => client.received.some((each) => each.type === "error"));
  expect(await client.ask({ type: "ping", id: 9 })).toMatchObject({ type: "pong" });
  await expectUnharmed();
});

test("a client that keeps on sending what is refused is sent away with 1008", async () => {
  const { url, expectUnharmed } = await start({ limits: { refusalsMax: 3 } });
  const client = await connect(url);
  for (let i = 0; i < 3; i++) client.send("?");
  expect(await client.closed()).toBe(CLOSE_CODES.policy.code);
  await expectUnharmed();
});

const { tooLarge, invalidText, protocolError } = CLOSE_CODES;

test.each([
  [
    "a message beyond the limit",
    tooLarge,
    (socket: RawSocket) => socket.writeFrame(1, new Uint8Array(60_000)),
  ],
  [
    "a message of 4 GiB that is only announced",
    tooLarge,
    (socket: RawSocket) =>
      socket.write(Uint8Array.from([0x81, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])),
  ],
  [
    "a message whose fragments are beyond the limit together",
    tooLarge,
    (socket: RawSocket) => {
      const part = Uint8Array.from([0x80 | 126, 0x0f, 0xff, 0, 0, 0, 0, ...new Uint8Array(0xfff)]);
      for (let i = 0; i < 10; i++) socket.write(Uint8Array.from([i === 0 ? 1 : 0, ...part]));
    },
  ],
  [
    "text that is not UTF-8",
    invalidText,
    (socket: RawSocket) => socket.writeFrame(1, Uint8Array.from([0x22, 0xff, 0xfe, 0x22])),
  ],
  ["an unmasked frame", protocolError, (socket: RawSocket) => socket.write(Uint8Array.from([0x81, 1, 0x7b]))],
  ["a reserved opcode", protocolError, (socket: RawSocket) => socket.writeFrame(3, bytesOf("x"))],
  [
    "a reserved bit",
    protocolError,
    (socket: RawSocket) => socket.write(Uint8Array.from([0xf1, 0x81, 0, 0, 0, 0, 1])),
  ],
])("%s costs its sender the connection, and nobody else's", async (_, meaning, send) => {
  const { gateway, expectUnharmed } = await start();
  const socket = await connectRaw(gateway.port);
  send(socket);
  await socket.closed;
  expect(socket.closeCode).toBe(meaning.code);
  await settled(() => gateway.connections === 1);
  expect(gateway.closes).toEqual({ [meaning.code]: 1 });
  await expectUnharmed();
});

test("thousands of subscriptions are refused one by one beyond the limit, and all given back", async () => {
  const { url, hub, gateway, expectUnharmed } = await start({ limits: { subscriptionsMax: 1000 } });
  const client = await connect(url);
  let refused = 0;
  for (let batch = 0; batch < 10; batch++) {
    const channels = Array.from({ length: 500 }, (_, i) => `c.${batch * 500 + i}`);
    const answer = await client.ask({ type: "subscribe", id: batch, channels });
    if (answer.type !== "subscribed") throw new Error(`answered ${JSON.stringify(answer)}`);
    refused += answer.channels.filter(({ error }) => error?.code === "too_many_subscriptions").length;
  }
  expect(refused).toBe(4000);
  expect(hub.topics.size).toBe(1001);
  await expectUnharmed();
  client.close();
  await settled(() => gateway.connections === 1);
  expect(hub.topics.size).toBe(1);
});

test("names that are none are refused one by one", async () => {
  const { url, expectUnharmed } = await start();
  const client = await connect(url);
  const answer = await client.ask({ type: "subscribe", id: 2, channels: ["no spaces", "b"] });
  expect(answer).toMatchObject({ channels: [{ error: { code: "channel_invalid" } }, { channel: "b" }] });
  await expectUnharmed();
});

test("unsubscribing what was never subscribed is answered like any other, and takes nothing from others", async () => {
  const { url, expectUnharmed } = await start();
  const client = await connect(url);
  expect(
    await client.ask({ type: "unsubscribe", id: 1, channels: ["beside", "x", "no name"] }),
  ).toMatchObject({
    type: "unsubscribed",
    channels: ["beside", "x", "no name"],
  });
  await expectUnharmed();
});

test.each([
  ["of another stream", "another:5"],
  ["of no cluster, that only looks like a mark", "mgarbage"],
  ["of a position that was too long to be told", MARK_TOO_LONG],
  ["from the future", `${STREAM}:99`],
  ["at the end of all numbers", `${STREAM}:${Number.MAX_SAFE_INTEGER}`],
])("a cursor %s is not recovered, and the last value follows", async (_, cursor) => {
  const { url, publish } = await start();
  publish("x", "last");
  const client = await connect(url);
  const answer = await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [cursor] });
  await client.ask({ type: "ping", id: 2 });
  expect(answer).toMatchObject({ channels: [{ channel: "x", recovered: false }] });
  expect(client.received.filter((each) => each.type === "message")).toMatchObject([
    { data: "last", snapshot: true },
  ]);
});

test("requests beyond the rate are refused", async () => {
  const { url, counters } = await start({ requestsPerSecond: 1 });
  const client = await connect(url);
  for (let i = 0; i < 1005; i++) client.send({ type: "ping", id: i });
  await client.until(() => client.received.some((each) => each.type === "error"));
  expect(client.received.find((each) => each.type === "error")).toMatchObject({ code: "too_many_requests" });
  expect(counters.refusals).toBeGreaterThan(0);
});

test("a clock that is set back refuses no client that behaves", async () => {
  const { url } = await start({ requestsPerSecond: 50 });
  const client = await connect(url);
  await client.ask({ type: "ping", id: 1 });
  setSystemTime(new Date(Date.now() - 3_600_000));
  try {
    for (let id = 2; id < 30; id++) expect((await client.ask({ type: "ping", id })).type).toBe("pong");
  } finally {
    setSystemTime();
  }
});

test("clients that never read are cut off at the byte budget, and memory does not grow with what they miss", async () => {
  const { gateway, publish, tell, expectUnharmed } = await start({
    gateway: { backpressureBytes: 256 * 1024 },
  });
  const stalled = await Promise.all(Array.from({ length: 10 }, () => connectRaw(gateway.port)));
  for (const socket of stalled) {
    socket.writeFrame(1, bytesOf('{"type":"subscribe","id":1,"channels":["flood"]}'));
    await socket.until('"subscribed"');
    socket.stopReading();
  }
  const before = process.memoryUsage.rss();
  let rssMax = 0;
  const filler = "f".repeat(100_000);
  // 64 MB for each of ten: without the budget they would pile up here.
  for (let i = 0; i < 640 && gateway.connections > 1; i++) {
    publish("flood", filler);
    tell();
    await new Promise((resolve) => setImmediate(resolve));
    rssMax = Math.max(rssMax, process.memoryUsage.rss());
  }
  expect(gateway.connections).toBe(1);
  expect(gateway.closes).toEqual({ [CLOSE_CODES.abnormal.code]: 10 });
  expect(rssMax - before).toBeLessThan(200 << 20);
  await expectUnharmed();
});

test.each([
  ["a reset", (socket: RawSocket) => socket.vanish()],
  ["a FIN and no close frame", (socket: RawSocket) => socket.close()],
  ["a close frame", (socket: RawSocket) => socket.writeFrame(8, Uint8Array.from([0x03, 0xe8]))],
])("a client that ends with %s leaves nothing behind", async (_, end) => {
  const { hub, gateway, publish, expectUnharmed } = await start();
  const socket = await connectRaw(gateway.port);
  socket.writeFrame(1, bytesOf('{"type":"subscribe","id":1,"channels":["x","a.*","a.b"]}'));
  await socket.until('"subscribed"');
  expect(hub.topics.size).toBe(4);
  end(socket);
  await settled(() => gateway.connections === 1);
  expect(hub.topics.size).toBe(1);
  const { deliveries } = hub.counters;
  publish("x", 1);
  expect(hub.counters.deliveries).toBe(deliveries);
  await expectUnharmed();
});

test("close codes that clients choose count together, whatever they are", async () => {
  const { gateway, expectUnharmed } = await start();
  for (let code = 3000; code < 3010; code++) {
    const socket = await connectRaw(gateway.port);
    socket.writeFrame(8, Uint8Array.from([code >> 8, code & 255]));
    await settled(() => gateway.connections === 1);
  }
  expect(gateway.closes).toEqual({ other: 10 });
  await expectUnharmed();
});

test("a client that vanishes in silence is noticed by its missing pong, and one that is only quiet stays", async () => {
  const { gateway, hub, expectUnharmed } = await start({ gateway: { idleTimeoutMs: 8000 } });
  // This socket reads, but answers no ping: to the server it looks like a machine without power.
  const silent = await connectRaw(gateway.port);
  silent.writeFrame(1, bytesOf('{"type":"subscribe","id":1,"channels":["x"]}'));
  await silent.closed;
  await settled(() => gateway.connections === 1);
  expect(hub.topics.size).toBe(1);
  await expectUnharmed();
}, 30_000);
