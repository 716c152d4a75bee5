import { afterEach, expect, test } from "bun:test";
import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import { Fixture } from "./clients.fixture.ts";
import type { ShardcastError } from "./errors.ts";
import { Inbox } from "./inbox.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

const EXPIRED = CLOSE_CODES.tokenExpired.code;

/** A provider that counts: `token-1`, `token-2`, … */
function counting() {
  let count = 0;
  return async () => `token-${++count}`;
}

test("a token is offered as a subprotocol, and a function is asked anew for each connection", async () => {
  const server = fixture.server();
  fixture.client(server.url, { token: counting() });
  const first = await server.connections.next();
  expect(first.protocols).toBe("shardcast.v1, shardcast.token.token-1");
  first.cut();
  expect((await server.connections.next()).protocols).toEndWith("shardcast.token.token-2");
});

test("a token that is about to end is replaced over the connection", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url, { token: counting() });
  const peer = await server.connections.next();
  peer.send({ type: "token_expiring", expiresInMs: 1000 });
  const request = await peer.auths.next();
  expect(request.token).toBe("token-2");
  peer.send({ type: "authenticated", id: request.id, expiresAtMs: 1 });
  expect(client.stats.errors).toBe(0);
});

test("a channel that a new token does not allow ends with an error, and the others go on", async () => {
  const server = fixture.server();
  const errors = new Inbox<ShardcastError>();
  const client = fixture.client(server.url, { token: counting(), onError: errors.push });
  const got = new Inbox<unknown>();
  const lost = client.subscribe("a");
  client.subscribe("b", (message) => got.push(message.data));
  const peer = await server.connections.next();
  await peer.acceptNext("m");
  peer.send({ type: "authenticated", id: 7, expiresAtMs: 1, revoked: ["a"] });
  expect(await errors.next()).toMatchObject({ code: "channel_forbidden", channel: "a" });
  const read = lost[Symbol.asyncIterator]().next();
  expect(await read.catch((error: unknown) => error)).toMatchObject({ code: "channel_forbidden" });
  peer.message("b", "abcdef0:1");
  expect(await got.next()).toBe("abcdef0:1");
});

test("a client that was closed with 4401 comes back with another token, and stays away without one", async () => {
  const server = fixture.server();
  fixture.client(server.url, { token: counting() });
  (await server.connections.next()).close(EXPIRED);
  expect((await server.connections.next()).protocols).toEndWith("token-2");
  const closed = new Inbox<number>();
  fixture.client(server.url, { token: "fixed" }).on("close", ({ code }) => closed.push(code));
  (await server.connections.next()).close(EXPIRED);
  expect(await closed.next()).toBe(EXPIRED);
});

test("a function that fails is asked again, and told of once; one that never answers counts as failed", async () => {
  const server = fixture.server();
  const errors = new Inbox<ShardcastError>();
  let asked = 0;
  const token = () => {
    asked += 1;
    if (asked === 1) throw new Error("no issuer");
    return asked === 2 ? new Promise<string>(() => {}) : `token-${asked}`;
  };
  fixture.client(server.url, { token, onError: errors.push, connectTimeoutMs: 20 });
  expect((await server.connections.next()).protocols).toEndWith("token-3");
  expect(await errors.next()).toMatchObject({ code: "connect_failed" });
  expect(errors.left).toBe(0);
});

test("a function that fails while connected is an error, and the connection stays", async () => {
  const server = fixture.server();
  const errors = new Inbox<ShardcastError>();
  let asked = 0;
  const token = () => {
    if (asked++ > 0) throw new Error("no issuer");
    return "token";
  };
  const client = fixture.client(server.url, { token, onError: errors.push });
  const peer = await server.connections.next();
  peer.send({ type: "token_expiring", expiresInMs: 1000 });
  expect(await errors.next()).toMatchObject({ code: "token_failed" });
  expect(client.status).toBe("connected");
});

test("after `close`, a new token that was waited for is no error any more", async () => {
  const server = fixture.server();
  const asked = new Inbox<true>();
  const answers = ["token", new Promise<string>(() => {})];
  const events: string[] = [];
  const client = fixture.client(server.url, {
    token: () => {
      asked.push(true);
      return answers.shift() ?? "";
    },
    onError: ({ code }) => events.push(code),
  });
  client.on("close", () => events.push("close"));
  const peer = await server.connections.next();
  await asked.next();
  peer.send({ type: "token_expiring", expiresInMs: 1000 });
  await asked.next();
  await client.close();
  expect(events).toEqual(["close"]);
});

test("a client that is closed while it waits for its token opens no connection", async () => {
  const server = fixture.server();
  const given = Promise.withResolvers<string>();
  const client = fixture.client(server.url, { token: () => given.promise });
  await client.close();
  given.resolve("late");
  await given.promise;
  fixture.client(server.url);
  expect((await server.connections.next()).protocols).toBe("shardcast.v1");
});
