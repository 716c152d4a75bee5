// What a browser tells, played by the same globals: Bun has the events, but no network that comes and goes.
import { afterEach, expect, test } from "bun:test";
import { Fixture } from "./clients.fixture.ts";
import type { ShardcastError } from "./errors.ts";
import type { ReconnectEvent, Status } from "./events.ts";
import { Inbox } from "./inbox.fixture.ts";
import { isOffline } from "./wake.ts";

const fixture = new Fixture();
const ownNavigator = Object.getOwnPropertyDescriptor(globalThis, "navigator");
afterEach(async () => {
  await fixture.end();
  if (ownNavigator !== undefined) Object.defineProperty(globalThis, "navigator", ownNavigator);
});

function setOnline(onLine: boolean): void {
  Object.defineProperty(globalThis, "navigator", { value: { onLine }, configurable: true });
  globalThis.dispatchEvent(new Event(onLine ? "online" : "offline"));
}

/** A name of this machine that does not look like one. */
const elsewhere = (url: string) => url.replace("localhost", "[::ffff:127.0.0.1]");

test("without a network nothing is attempted; that it is back is an attempt at once, spread a little", async () => {
  const server = fixture.server();
  const errors = new Inbox<ShardcastError>();
  setOnline(false);
  const client = fixture.client(elsewhere(server.url), {
    onError: errors.push,
    backoff: { minMs: 20 },
    random: () => 0.5,
  });
  expect(await errors.next()).toMatchObject({
    code: "connect_failed",
    message: expect.stringMatching(/offline$/),
  });
  expect(server.connections.left).toBe(0);
  const backAtMs = performance.now();
  setOnline(true);
  await server.connections.next();
  expect(performance.now() - backAtMs).toBeGreaterThan(8);
  expect(client.status === "connecting" || client.status === "connected").toBe(true);
});

test("a long wait ends when the network is back, but never before the time that the server named", async () => {
  const server = fixture.server();
  const plans = new Inbox<ReconnectEvent>();
  const client = fixture.client(server.url, {
    backoff: { minMs: 60_000, maxMs: 60_000 },
    random: () => 0.001,
  });
  client.on("reconnect", plans.push);
  (await server.connections.next()).cut();
  expect((await plans.next()).delayMs).toBe(60);
  setOnline(true);
  const second = await server.connections.next();
  second.send({ type: "reconnect", afterMs: 50, reason: "draining" });
  const leftAtMs = performance.now();
  second.close(1012);
  await plans.next();
  setOnline(true);
  await server.connections.next();
  expect(performance.now() - leftAtMs).toBeGreaterThan(40);
});

test("a connection that seems to be there is asked for a sign of life", async () => {
  const server = fixture.server();
  const statuses = new Inbox<Status>();
  fixture.client(server.url, { onStatus: statuses.push });
  const peer = await server.connections.next();
  expect(await statuses.next()).toBe("connected");
  setOnline(true);
  await peer.pings.next();
});

test("a server on this machine is there without a network", () => {
  setOnline(false);
  expect(["ws://localhost:1/ws", "ws://127.0.0.1/ws", "ws://[::1]:2/ws"].map(isOffline)).toEqual([
    false,
    false,
    false,
  ]);
  expect(["ws://localhost.example.com/", "wss://feed.example.com/ws"].map(isOffline)).toEqual([true, true]);
  setOnline(true);
  expect(isOffline("wss://feed.example.com/ws")).toBe(false);
});

test("a closed client listens no more", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url, { backoff: { minMs: 60_000 }, random: () => 0.9 });
  const reconnecting = new Promise((resolve) => client.on("reconnect", resolve));
  (await server.connections.next()).cut();
  await reconnecting;
  await client.close();
  setOnline(true);
  fixture.client(server.url);
  await server.connections.next();
  expect(server.connections.left).toBe(0);
});
