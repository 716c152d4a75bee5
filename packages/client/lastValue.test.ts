// The last value that a subscription has asked for, over connections that break before it has come.
import { afterEach, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { Fixture } from "./clients.fixture.ts";
import { Inbox } from "./inbox.fixture.ts";
import type { Peer } from "./server.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

/** A client with one subscription that was answered, and awaits its last value. */
async function answered(channel: string) {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = new Inbox<DataMessage>();
  const { ready } = client.subscribe(channel, heard.push, { snapshot: true });
  const first = await server.connections.next();
  await first.acceptNext("m1");
  await ready;
  return { server, client, heard, first };
}

/** Resumes, which brings no last value, and awaits that it is asked for apart. */
async function askedAgain(peer: Peer, channel: string): Promise<void> {
  expect((await peer.acceptNext("m2")).since).toEqual(["m1"]);
  const { channels, since } = await peer.acceptNext("m3");
  expect([channels, since]).toEqual([[{ channel, snapshot: true }], undefined]);
}

test.each(["a", "a.*"])("of %s is asked for again after the resume", async (channel) => {
  const { server, heard, first } = await answered(channel);
  first.cut();
  const second = await server.connections.next();
  await askedAgain(second, channel);
  const name = channel === "a" ? "a" : "a.x";
  second.message(name, "sssssss:1", { snapshot: true });
  expect(await heard.next()).toMatchObject({ cursor: "sssssss:1", snapshot: true });
});

test("is asked for again where the resume failed whose gap it should have made good", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = new Inbox<DataMessage>();
  const { ready } = client.subscribe("a", heard.push);
  const first = await server.connections.next();
  await first.acceptNext("m0");
  await ready;
  first.cut();
  const failed = await server.connections.next();
  const told = new Promise((resolve) => client.on("gap", resolve));
  await failed.acceptNext("m1", false);
  await told;
  failed.cut();
  const third = await server.connections.next();
  await askedAgain(third, "a");
  third.message("a", "sssssss:1", { snapshot: true });
  expect((await heard.next()).snapshot).toBe(true);
});

test("of who came to a channel that others had is asked for again after the resume", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = new Inbox<DataMessage>();
  const { ready } = client.subscribe("a", () => {});
  const first = await server.connections.next();
  await first.acceptNext("m1");
  await ready;
  client.subscribe("a", heard.push, { snapshot: true });
  await first.subscribes.next();
  first.cut();
  const second = await server.connections.next();
  await askedAgain(second, "a");
  second.message("a", "sssssss:1", { snapshot: true });
  expect((await heard.next()).snapshot).toBe(true);
});

test("is not asked for again when it has come", async () => {
  const { server, heard, first } = await answered("a");
  first.message("a", "sssssss:1", { snapshot: true });
  await heard.next();
  first.cut();
  const second = await server.connections.next();
  expect((await second.acceptNext("m2")).channels).toEqual(["a"]);
  second.message("a", "sssssss:2");
  await heard.next();
  expect(second.order).toEqual(["subscribe"]);
});

test.each(["a", "a.*"])("of %s is not asked for again after a mark that came behind it", async (channel) => {
  const { server, client, heard, first } = await answered(channel);
  // Whether there was one at all, or of how many channels: what came before the mark was all.
  first.send({ type: "pong", id: 1, mark: "m2" });
  first.message("a.x", "sssssss:1");
  if (channel === "a") first.message("a", "sssssss:1");
  await heard.next();
  first.cut();
  const second = await server.connections.next();
  expect((await second.acceptNext("m3")).channels).toEqual([channel]);
  second.message(channel === "a" ? "a" : "a.x", "sssssss:2");
  await heard.next();
  expect([second.order, client.status]).toEqual([["subscribe"], "connected"]);
});

test("is awaited beyond a pong without a mark, which may overtake it", async () => {
  const { heard, first } = await answered("a");
  first.send({ type: "pong", id: 1 });
  first.message("a", "sssssss:1", { snapshot: true });
  expect((await heard.next()).snapshot).toBe(true);
});
