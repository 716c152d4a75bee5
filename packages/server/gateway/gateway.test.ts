import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { type GatewayFixtureOptions, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();

function start(options?: GatewayFixtureOptions) {
  return closedLater(gatewayFixture(options));
}

async function connect(url: string): Promise<RawClient> {
  return closedLater(await RawClient.open(url));
}

test("a subscriber gets each later message of its channel once, in order, and no other's", async () => {
  const { url, publish } = start();
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["BTC.trade"] });
  for (let i = 0; i < 100; i++) publish(i % 2 === 0 ? "BTC.trade" : "ETH.trade", i);
  await client.ask({ type: "ping", id: 2 });
  expect(client.data).toEqual(Array.from({ length: 50 }, (_, i) => i * 2));
});

test("a message comes once however many subscriptions cover it, also while they change", async () => {
  const { url, publish } = start();
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["a.b.c", "a.b.*"] });
  publish("a.b.c", 0);
  await client.ask({ type: "subscribe", id: 2, channels: ["a.*"] });
  publish("a.b.c", 1);
  await client.ask({ type: "unsubscribe", id: 3, channels: ["a.*"] });
  publish("a.b.c", 2);
  await client.ask({ type: "unsubscribe", id: 4, channels: ["a.b.*"] });
  publish("a.b.c", 3);
  await client.ask({ type: "unsubscribe", id: 5, channels: ["a.b.c"] });
  publish("a.b.c", 4);
  await client.ask({ type: "ping", id: 6 });
  expect(client.data).toEqual([0, 1, 2, 3]);
});

test("a client that resumes from a mark gets what it missed before its answer, then live messages", async () => {
  const { url, publish, hub } = start();
  publish("x", 0);
  const mark = hub.mark();
  for (let i = 1; i < 10; i++) publish(i === 5 ? "y" : "x", i);
  const client = await connect(url);
  const answer = await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [mark] });
  publish("x", 10);
  await client.ask({ type: "ping", id: 2 });
  expect(answer).toMatchObject({ channels: [{ channel: "x", recovered: true }] });
  expect(client.data).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10]);
});

test("what history no longer holds is read from the log, and the seam is exact", async () => {
  const fixture = start({ history: { messagesMax: 5 } });
  for (let i = 0; i < 20; i++) fixture.publish("x", i);
  const client = await connect(fixture.url);
  const answer = await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [`${STREAM}:2`] });
  expect(answer).toMatchObject({ channels: [{ channel: "x", recovered: true }] });
  expect(client.data).toEqual(Array.from({ length: 17 }, (_, i) => i + 3));
  expect(fixture.reads).toHaveLength(1);
});

test("a channel whose own messages are all in history needs no log read, however old the position", async () => {
  const fixture = start({ history: { messagesMax: 5 } });
  fixture.publish("quiet", "q");
  for (let i = 0; i < 20; i++) fixture.publish("busy", i);
  const client = await connect(fixture.url);
  await client.ask({ type: "subscribe", id: 1, channels: ["quiet"], since: ["m"] });
  expect(client.data).toEqual(["q"]);
  expect(fixture.reads).toHaveLength(0);
});

test("a resume beyond the limits is told so, and gets the last value", async () => {
  const fixture = start({ history: { messagesMax: 5 }, replay: { recordsMax: 3 } });
  for (let i = 0; i < 20; i++) fixture.publish("x", i);
  const client = await connect(fixture.url);
  const answer = await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [`${STREAM}:2`] });
  await client.ask({ type: "ping", id: 2 });
  expect(answer).toMatchObject({ channels: [{ channel: "x", recovered: false }] });
  expect(client.received.filter((each) => each.type === "message")).toMatchObject([
    { data: 19, snapshot: true },
  ]);
});

test("a resume over a stretch that the log has lost is told so", async () => {
  const fixture = start({ history: { messagesMax: 5 } });
  for (let i = 0; i < 20; i++) fixture.publish("x", i);
  fixture.logEarliest.offset = 10;
  const client = await connect(fixture.url);
  const answer = await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [`${STREAM}:2`] });
  expect(answer).toMatchObject({ channels: [{ channel: "x", recovered: false }] });
});

test("a large replay waits for the client, and what is published meanwhile comes after it, once", async () => {
  const fixture = start({
    history: { bytesMax: 64 << 20, messagesMax: 100_000 },
    limits: { replayBufferBytes: 64 * 1024 },
  });
  const filler = "f".repeat(1000);
  for (let i = 0; i < 8000; i++) fixture.publish("x", [i, filler]);
  const client = await connect(fixture.url);
  client.send({ type: "subscribe", id: 1, channels: ["x"], since: ["m"] });
  await client.until(() => client.data.length > 100);
  for (let i = 8000; i < 8500; i++) fixture.publish("x", [i, filler]);
  await client.until(() => client.data.length >= 8500);
  expect(client.data.map((each) => (Array.isArray(each) ? each[0] : undefined))).toEqual(
    Array.from({ length: 8500 }, (_, i) => i),
  );
});

test("what a connection listens to already is not replayed to it by another subscription", async () => {
  const { url, publish } = start();
  publish("a.b", 0);
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["a.*"] });
  publish("a.b", 1);
  publish("c.d", 2);
  const answer = await client.ask({ type: "subscribe", id: 2, channels: ["a.b", "c.*"], since: ["m"] });
  publish("a.b", 3);
  await client.ask({ type: "ping", id: 3 });
  expect(answer).toMatchObject({
    channels: [
      { channel: "a.b", recovered: false },
      { channel: "c.*", recovered: true },
    ],
  });
  const live = client.received.flatMap((each) =>
    each.type === "message" && !each.snapshot ? [each.data] : [],
  );
  expect(live).toEqual([1, 2, 3]);
});

test("a channel that is subscribed already gives its last value when it is asked for", async () => {
  const { url, publish } = start();
  publish("x", 1);
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["x"] });
  await client.ask({ type: "subscribe", id: 2, channels: [{ channel: "x", snapshot: true }] });
  await client.ask({ type: "ping", id: 3 });
  expect(client.received.filter((each) => each.type === "message")).toMatchObject([
    { data: 1, snapshot: true },
  ]);
});

test("a last value is sent on subscribing where it was asked for", async () => {
  const { url, publish } = start();
  publish("x", 1);
  publish("x", 2);
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: [{ channel: "x", snapshot: true }, "y"] });
  await client.ask({ type: "ping", id: 2 });
  expect(client.received.filter((each) => each.type === "message")).toMatchObject([
    { data: 2, snapshot: true },
  ]);
});

test("a gap is told to the channels that the stream feeds", async () => {
  const { url, publish, hub } = start();
  publish("x", 0);
  const client = await connect(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["x"] });
  hub.gap(STREAM, 0, 7, "retention");
  await client.ask({ type: "ping", id: 2 });
  expect(client.received).toContainEqual({
    type: "gap",
    channel: "x",
    after: `${STREAM}:0`,
    through: `${STREAM}:7`,
    reason: "retention",
  });
});

test("a full shard and a foreign page are refused with a reason", async () => {
  const { gateway, admission } = start({ permits: 0, allowedOrigins: ["https://good.example"] });
  const ask = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${gateway.port}/ws`, { headers });
  const full = await ask({});
  expect(full.status).toBe(503);
  expect(Number(full.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await full.json()).toMatchObject({ error: { code: "instance_full" } });
  expect((await ask({ Origin: "https://evil.example" })).status).toBe(403);
  expect(admission.refused).toMatchObject({ origin_forbidden: 1, instance_full: 1, draining: 0 });
});
