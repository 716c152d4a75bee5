import { afterEach, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { Fixture } from "./clients.fixture.ts";
import type { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import { Inbox } from "./inbox.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

function listener() {
  const inbox = new Inbox<DataMessage>();
  const cursors = async (count: number) => (await inbox.take(count)).map((message) => message.cursor);
  return { handler: inbox.push, next: () => inbox.next(), cursors, inbox };
}

test("a resume names the last mark and the greatest newer cursor of each stream", async () => {
  const server = fixture.server();
  const heard = listener();
  fixture.client(server.url).subscribe("a", heard.handler);
  const first = await server.connections.next();
  expect(await first.acceptNext("m1")).toEqual({ type: "subscribe", id: 1, channels: ["a"] });
  for (const cursor of ["sssssss:7", "sssssss:8", "ttttttt:3"]) first.message("a", cursor);
  await heard.cursors(3);
  first.cut();
  const second = await server.connections.next();
  expect((await second.subscribes.next()).since).toEqual(["m1", "sssssss:8", "ttttttt:3"]);
});

test("the mark of a pong replaces the cursors before it", async () => {
  const server = fixture.server({ pingIntervalMs: 5 });
  const heard = listener();
  fixture.client(server.url).subscribe("a", heard.handler);
  const first = await server.connections.next();
  await first.acceptNext("m1");
  first.message("a", "sssssss:7");
  const { id } = await first.pings.next();
  first.send({ type: "pong", id, mark: "m2" });
  first.message("a", "ttttttt:3");
  await heard.cursors(2);
  first.cut();
  const second = await server.connections.next();
  expect((await second.subscribes.next()).since).toEqual(["m2", "ttttttt:3"]);
});

test("the mark of a further subscription serves all channels", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = listener();
  client.subscribe("a", heard.handler);
  const first = await server.connections.next();
  await first.acceptNext("m1");
  first.message("a", "sssssss:7");
  await heard.next();
  const { ready } = client.subscribe("b", heard.handler);
  expect((await first.acceptNext("m2")).since).toBeUndefined();
  expect(await ready).toEqual({ recovered: true, mark: "m2" });
  first.cut();
  const second = await server.connections.next();
  const request = await second.subscribes.next();
  expect(request).toMatchObject({ channels: ["a", "b"], since: ["m2"] });
});

test("a mark that comes during a resume does not move the channels that still lag behind", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = listener();
  client.subscribe("a", heard.handler);
  const first = await server.connections.next();
  await first.acceptNext("m1");
  first.message("a", "sssssss:7");
  await heard.next();
  first.cut();

  const second = await server.connections.next();
  await second.subscribes.next();
  const { ready } = client.subscribe("b", heard.handler);
  await second.acceptNext("m9");
  await ready;
  second.send({ type: "pong", id: 99, mark: "m9" });
  // A message of b, far beyond what a's replay has reached in the same stream.
  second.message("b", "sssssss:50");
  await heard.next();
  second.cut();

  const third = await server.connections.next();
  const requests = [await third.subscribes.next(), await third.subscribes.next()];
  expect(requests.map(({ channels, since }) => ({ channels, since }))).toEqual([
    { channels: ["a"], since: ["m1", "sssssss:7"] },
    { channels: ["b"], since: ["m9"] },
  ]);
});

test("a resume that breaks midway begins at the same position, and repeats nothing to the handlers", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = listener();
  client.subscribe("a", heard.handler);
  client.subscribe("b", heard.handler);
  const first = await server.connections.next();
  await first.acceptNext("m1");
  first.message("a", "sssssss:1");
  await heard.next();
  first.cut();

  const second = await server.connections.next();
  const since = (await second.subscribes.next()).since;
  expect(since).toEqual(["m1", "sssssss:1"]);
  second.message("a", "sssssss:4");
  second.message("a", "sssssss:6");
  expect(await heard.cursors(2)).toEqual(["sssssss:4", "sssssss:6"]);
  second.cut();

  const third = await server.connections.next();
  const request = await third.subscribes.next();
  expect(request.since).toEqual(since);
  // The replay of b brings an older offset of the same stream than was seen of a: it is due.
  for (const [channel, offset] of [
    ["a", 4],
    ["a", 6],
    ["a", 8],
    ["b", 2],
    ["b", 3],
  ] as const) {
    third.message(channel, `sssssss:${offset}`);
  }
  third.accept(request, "m2");
  third.message("a", "sssssss:9");
  expect(await heard.cursors(4)).toEqual(["sssssss:8", "sssssss:2", "sssssss:3", "sssssss:9"]);
  expect(client.stats).toMatchObject({ repeated: 2, reconnects: 2 });
  third.cut();
  expect((await (await server.connections.next()).subscribes.next()).since).toEqual(["m2", "sssssss:9"]);
});

test("a channel that could not be resumed has a gap, and its last value reaches every handler", async () => {
  const server = fixture.server();
  const gaps = new Inbox<GapEvent>();
  const ownGaps = new Inbox<GapEvent>();
  const client = fixture.client(server.url, { onGap: gaps.push });
  const heard = listener();
  const { ready } = client.subscribe("a", heard.handler, { onGap: ownGaps.push });
  const first = await server.connections.next();
  await first.acceptNext("m1");
  await ready;
  first.cut();
  const second = await server.connections.next();
  await second.acceptNext("m2", false);
  second.message("a", "sssssss:9", { snapshot: true });
  expect(await gaps.next()).toEqual({ channel: "a", reason: "not_recovered" });
  expect(await ownGaps.next()).toEqual({ channel: "a", reason: "not_recovered" });
  expect((await heard.next()).snapshot).toBe(true);
  expect(client.stats.gaps).toBe(1);
  second.cut();
  // A last value is no position.
  expect((await (await server.connections.next()).subscribes.next()).since).toEqual(["m2"]);
});

test("a position that the server does not understand is told as that and as a gap, and the channel goes on", async () => {
  const server = fixture.server();
  const gaps = new Inbox<GapEvent>();
  const errors = new Inbox<ShardcastError>();
  const client = fixture.client(server.url, { onGap: gaps.push, onError: errors.push });
  const sub = client.subscribe("a", { since: "nonsense" });
  const peer = await server.connections.next();
  const { id } = await peer.subscribes.next();
  peer.send({ type: "error", id, code: "since_invalid", message: "no mark" });
  expect((await peer.acceptNext("m1")).since).toBeUndefined();
  expect(await sub.ready).toEqual({ recovered: false, mark: "m1" });
  expect(await gaps.next()).toEqual({ channel: "a", reason: "not_recovered" });
  expect(await errors.next()).toMatchObject({ code: "since_invalid", message: "no mark" });
  peer.cut();
  // It is forgotten: asked for again and again, it would be refused for ever.
  const next = await server.connections.next();
  expect((await next.acceptNext("m2")).since).toEqual(["m1"]);
  expect(client.stats).toMatchObject({ errors: 1, gaps: 1 });
});

test("a caller's own position is used until the first answer", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  client.subscribe("a", () => {}, { since: "m5" });
  client.subscribe("b", () => {}, { since: ["m5"] });
  const first = await server.connections.next();
  expect(await first.subscribes.next()).toMatchObject({ channels: ["a", "b"], since: ["m5"] });
  first.cut();
  const second = await server.connections.next();
  expect((await second.acceptNext("m6")).since).toEqual(["m5"]);
  second.message("a", "sssssss:1");
  second.cut();
  expect((await (await server.connections.next()).subscribes.next()).since?.[0]).toBe("m6");
});

test("a replay for one channel does not move the others, and what they got meanwhile is not repeated", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = listener();
  client.subscribe("a", heard.handler);
  const first = await server.connections.next();
  await first.acceptNext("m5");
  first.message("a", "sssssss:6");
  await heard.next();
  client.subscribe("b", heard.handler, { since: "m1" });
  await first.subscribes.next();
  first.message("b", "sssssss:2");
  first.message("a", "sssssss:7");
  await heard.cursors(2);
  first.cut();
  const second = await server.connections.next();
  const [one, two] = await second.subscribes.take(2);
  expect([one?.since, two?.since]).toEqual([["m5", "sssssss:6"], ["m1"]]);
  second.message("a", "sssssss:7");
  if (one !== undefined) second.accept(one, "m8");
  for (const offset of [2, 3, 7]) second.message("b", `sssssss:${offset}`);
  expect(await heard.cursors(2)).toEqual(["sssssss:3", "sssssss:7"]);
});

test("a subscription that was never answered begins with what comes next", async () => {
  const server = fixture.server();
  fixture.client(server.url).subscribe("a", () => {}, { snapshot: true });
  const first = await server.connections.next();
  await first.subscribes.next();
  first.cut();
  const second = await server.connections.next();
  expect(await second.subscribes.next()).toEqual({
    type: "subscribe",
    id: 1,
    channels: [{ channel: "a", snapshot: true }],
  });
});

test("channels left while offline are not asked for again", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const [a] = [client.subscribe("a", () => {}), client.subscribe("b", () => {})];
  const first = await server.connections.next();
  await first.acceptNext("m1");
  await a.ready;
  client.on("reconnect", () => a.unsubscribe());
  first.cut();
  const second = await server.connections.next();
  expect((await second.acceptNext("m2")).channels).toEqual(["b"]);
  expect(second.order).toEqual(["subscribe"]);
});

test("patterns are resumed first, and many channels in several requests", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const subs = Array.from({ length: 700 }, (_, i) => client.subscribe(`c${i}`, () => {}));
  subs.push(client.subscribe("p.*", () => {}));
  const first = await server.connections.next();
  for (const mark of ["m1", "m2"]) await first.acceptNext(mark);
  await Promise.all(subs.map((sub) => sub.ready));
  first.cut();
  const second = await server.connections.next();
  const [one, two] = await second.subscribes.take(2);
  expect(one?.channels.slice(0, 2)).toEqual(["p.*", "c0"]);
  expect([one?.channels.length, two?.channels.length]).toEqual([500, 201]);
  expect([one?.since, two?.since]).toEqual([["m2"], ["m2"]]);
  // The first batch has arrived, the second has not: each keeps its own position.
  if (one !== undefined) second.accept(one, "m7");
  second.send({
    type: "error",
    code: "internal",
    message: "reported when the answer before it has been read",
  });
  await new Promise((resolve) => client.on("error", resolve));
  const third = await server.connections.next();
  const again = await third.subscribes.take(2);
  expect(again.map(({ channels, since }) => [channels.length, since])).toEqual([
    [500, ["m7"]],
    [201, ["m2"]],
  ]);
});

test("a log that was cut back is asked for a fresh mark at once", async () => {
  const server = fixture.server();
  const gaps = new Inbox<GapEvent>();
  const heard = listener();
  fixture.client(server.url, { onGap: gaps.push }).subscribe("a.*", heard.handler);
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  peer.message("a.b", "sssssss:90");
  peer.send({ type: "gap", channel: "a.b", after: "sssssss:90", through: "sssssss:40", reason: "truncated" });
  expect(await gaps.next()).toMatchObject({ channel: "a.*", reason: "truncated", after: "sssssss:90" });
  const { id } = await peer.pings.next();
  peer.send({ type: "pong", id, mark: "m2" });
  peer.message("a.b", "sssssss:41");
  expect(await heard.cursors(2)).toEqual(["sssssss:90", "sssssss:41"]);
  peer.cut();
  expect((await (await server.connections.next()).subscribes.next()).since).toEqual(["m2", "sssssss:41"]);
});

test("what lies in a gap is not asked for again", async () => {
  const server = fixture.server();
  const gaps = new Inbox<GapEvent>();
  fixture.client(server.url, { onGap: gaps.push }).subscribe("a", () => {});
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  peer.send({ type: "gap", channel: "a", after: "sssssss:3", through: "sssssss:9", reason: "retention" });
  await gaps.next();
  peer.cut();
  expect((await (await server.connections.next()).subscribes.next()).since).toEqual(["m1", "sssssss:9"]);
});

test("so many streams that their cursors weigh more than a mark bring a fresh mark", async () => {
  const server = fixture.server();
  const heard = listener();
  fixture.client(server.url).subscribe("a", heard.handler);
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  for (let i = 0; i < 256; i++) peer.message("a", `${i.toString(36).padStart(7, "0")}:1`);
  const { id } = await peer.pings.next();
  peer.send({ type: "pong", id, mark: "m2" });
  peer.message("a", "sssssss:1");
  await heard.cursors(257);
  peer.cut();
  expect((await (await server.connections.next()).subscribes.next()).since).toEqual(["m2", "sssssss:1"]);
});
