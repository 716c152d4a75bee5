import { afterEach, describe, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { rejectionOf } from "../../test/services/rejectionOf.ts";
import { connect } from "./client.ts";
import { Fixture } from "./clients.fixture.ts";
import type { ShardcastError } from "./errors.ts";
import type { CloseEvent, ReconnectEvent, Status } from "./events.ts";
import { Inbox } from "./inbox.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

describe("reconnecting", () => {
  test("backs off with full jitter while connections do not last", async () => {
    const server = fixture.server();
    const plans = new Inbox<ReconnectEvent>();
    const client = fixture.client(server.url, { backoff: { minMs: 4, maxMs: 16 }, random: () => 0.5 });
    client.on("reconnect", plans.push);
    for (let i = 0; i < 4; i++) (await server.connections.next()).cut();
    const events = await plans.take(4);
    expect(events.map(({ attempt, delayMs, code }) => [attempt, delayMs, code])).toEqual([
      [1, 2, 1006],
      [2, 4, 1006],
      [3, 8, 1006],
      [4, 8, 1006],
    ]);
  });

  test("begins its backoff anew after a connection has lasted", async () => {
    const server = fixture.server({ pingIntervalMs: 5 });
    const plans = new Inbox<ReconnectEvent>();
    const client = fixture.client(server.url, { backoff: { minMs: 1, maxMs: 4, stableMs: 1 } });
    client.on("reconnect", plans.push);
    for (let i = 0; i < 2; i++) {
      const peer = await server.connections.next();
      // Its first ping is due later than it counts as lasting.
      await peer.pings.next();
      peer.cut();
      expect((await plans.next()).attempt).toBe(1);
    }
  });

  test("goes at once to another server where one refuses", async () => {
    const [gone, other] = [fixture.server(), fixture.server()];
    const statuses: Status[] = [];
    const plans: ReconnectEvent[] = [];
    const errors: ShardcastError[] = [];
    await gone.stop();
    const client = fixture.client([gone.url, other.url], {
      backoff: { minMs: 60_000 },
      onStatus: (status) => statuses.push(status),
      onError: (error) => errors.push(error),
    });
    client.on("reconnect", (plan) => plans.push(plan));
    expect([client.status, client.url]).toEqual(["connecting", gone.url]);
    const { ready } = client.subscribe("a", () => {});
    await (await other.connections.next()).acceptNext("m1");
    await ready;
    expect(statuses).toEqual(["reconnecting", "connected"]);
    expect(client.url).toBe(other.url);
    expect(plans).toMatchObject([{ delayMs: 0, code: 1006, url: other.url }]);
    expect(errors).toEqual([]);
  });

  test("stays with the server that works, and resumes at another one when that is gone", async () => {
    const [first, second] = [fixture.server(), fixture.server()];
    const client = fixture.client([first.url, second.url], { backoff: { minMs: 1, maxMs: 1, stableMs: 0 } });
    const heard = new Inbox<DataMessage>();
    client.subscribe("a", heard.push);
    const peer = await first.connections.next();
    await peer.acceptNext("m1");
    peer.close(1012, "service restart");
    const again = await first.connections.next();
    await again.acceptNext("m2");
    again.message("a", "sssssss:1");
    await heard.next();
    await first.stop();
    const elsewhere = await second.connections.next();
    expect((await elsewhere.subscribes.next()).since).toEqual(["m2", "sssssss:1"]);
    expect(client.url).toBe(second.url);
  });

  test("leaves a server that falls silent, and comes back to the first when that is due", async () => {
    const [silent, other] = [fixture.server({ pingIntervalMs: 5 }), fixture.server()];
    const backoff = { minMs: 1, maxMs: 1, stableMs: 0 };
    const client = fixture.client([silent.url, other.url], { backoff, pongTimeoutMs: 5, returnAfterMs: 50 });
    await silent.connections.next();
    const peer = await other.connections.next();
    expect(client.url).toBe(other.url);
    const leftMs = performance.now();
    while (performance.now() - leftMs < 60) await Bun.sleep(5);
    peer.close(1012, "service restart");
    await silent.connections.next();
  });

  test("follows the server's notice: receives until then, moves, and resumes", async () => {
    const server = fixture.server();
    const heard = new Inbox<DataMessage>();
    const client = fixture.client(server.url);
    client.subscribe("a", heard.push);
    const first = await server.connections.next();
    await first.acceptNext("m1");
    first.send({ type: "reconnect", afterMs: 20, reason: "draining" });
    first.message("a", "sssssss:1");
    await heard.next();
    const noticed = performance.now();
    const second = await server.connections.next();
    expect(performance.now() - noticed).toBeGreaterThan(10);
    expect((await second.subscribes.next()).since).toEqual(["m1", "sssssss:1"]);
    expect(await first.closed.next()).toBe(1000);
  });

  test("does not come back before the time of the notice when the server closes earlier", async () => {
    const server = fixture.server();
    const plans = new Inbox<ReconnectEvent>();
    const client = fixture.client(server.url);
    client.on("reconnect", plans.push);
    const peer = await server.connections.next();
    peer.send({ type: "reconnect", afterMs: 5000, reason: "draining" });
    peer.close(1012, "service restart");
    const { delayMs, code } = await plans.next();
    expect(code).toBe(1012);
    expect(delayMs).toBeGreaterThan(4000);
    expect(delayMs).toBeLessThanOrEqual(5000);
  });

  test("follows a connection on which nothing answers a ping", async () => {
    const server = fixture.server({ pingIntervalMs: 5 });
    const plans = new Inbox<ReconnectEvent>();
    const client = fixture.client(server.url, { pongTimeoutMs: 5 });
    client.on("reconnect", plans.push);
    const first = await server.connections.next();
    await first.pings.next();
    expect(await plans.next()).toMatchObject({ code: 1006, reason: "no answer to a ping" });
    await server.connections.next();
  });

  test("follows a server that opens the socket and says nothing", async () => {
    const server = fixture.server({ welcome: false });
    const plans = new Inbox<ReconnectEvent>();
    fixture.client(server.url, { connectTimeoutMs: 20 }).on("reconnect", plans.push);
    expect(await plans.next()).toMatchObject({ code: 1006, reason: "no welcome in time" });
  });

  test("ends where the server's close code says so", async () => {
    const server = fixture.server();
    const errors = new Inbox<ShardcastError>();
    const closes = new Inbox<CloseEvent>();
    const client = fixture.client(server.url, { onError: errors.push });
    client.on("close", closes.push);
    const sub = client.subscribe("a");
    (await server.connections.next()).close(1008, "too many refused requests");
    expect(await closes.next()).toEqual({ code: 1008, reason: "too many refused requests" });
    expect((await errors.next()).code).toBe("closed");
    expect(client.status).toBe("closed");
    expect(await rejectionOf(sub[Symbol.asyncIterator]().next())).toMatchObject({ code: "closed" });
    expect(await rejectionOf(sub.ready)).toMatchObject({ code: "closed" });
    await client.close();
    expect(closes.left).toBe(0);
  });

  test("that has ended for good takes no subscription, not even from who is told so", async () => {
    const server = fixture.server();
    const told = new Inbox<unknown>();
    const client = fixture.client(server.url, {
      onError: () => {
        try {
          told.push(client.subscribe("a"));
        } catch (error) {
          told.push(error);
        }
      },
    });
    (await server.connections.next()).close(1008);
    expect(await told.next()).toMatchObject({ code: "closed", message: "closed" });
    await client.close();
    expect(client.status).toBe("closed");
  });
});

describe("closing", () => {
  test("tells the server, resolves when it has agreed, and comes back no more", async () => {
    const server = fixture.server();
    const statuses: Status[] = [];
    const client = fixture.client(server.url, { onStatus: (status) => statuses.push(status) });
    const sub = client.subscribe("a", () => {});
    const peer = await server.connections.next();
    await peer.acceptNext("m1");
    await sub.ready;
    await Promise.all([client.close(), client.close()]);
    expect(await peer.closed.next()).toBe(1000);
    expect(statuses).toEqual(["connected", "closed"]);
    expect(server.connections.left).toBe(0);
  });

  test("between two attempts ends the attempts", async () => {
    const server = fixture.server();
    const client = fixture.client(server.url, { backoff: { minMs: 60_000 }, random: () => 0.9 });
    const closing = new Promise((resolve) => client.on("reconnect", () => resolve(client.close())));
    (await server.connections.next()).cut();
    await closing;
    expect(client.status).toBe("closed");
  });

  test("from within a listener of the status is allowed", async () => {
    const server = fixture.server();
    const reconnects = new Inbox<ReconnectEvent>();
    const client = fixture.client(server.url);
    client.on("reconnect", reconnects.push);
    const closed = new Promise((resolve) => client.on("close", resolve));
    client.on("status", (status) => {
      if (status === "reconnecting") client.close().catch(reportError);
    });
    (await server.connections.next()).cut();
    await closed;
    expect(reconnects.left).toBe(0);
  });
});

describe("what the server sends", () => {
  test("is reported and ignored where it is no message", async () => {
    const server = fixture.server();
    const errors = new Inbox<ShardcastError>();
    const heard = new Inbox<DataMessage>();
    const client = fixture.client(server.url, { onError: errors.push });
    client.subscribe("a", heard.push);
    const peer = await server.connections.next();
    await peer.acceptNext("m1");
    const malformed = [
      "{",
      "null",
      '"message"',
      '{"type":"novelty"}',
      '{"type":"constructor"}',
      '{"type":"__proto__"}',
      '{"type":"message","channel":"a","ts":1,"data":1}',
      '{"type":"message","channel":"a","cursor":"x:1","ts":1,"data":1}',
      '{"type":"message","channel":"a","cursor":"sssssss:1","ts":1}',
      '{"type":"subscribed","id":1,"mark":"m","channels":[{}]}',
      '{"type":"subscribed","id":1,"mark":"m","channels":[{"channel":"a","error":"no"}]}',
      '{"type":"welcome","pingIntervalMs":-1}',
      '{"type":"reconnect","afterMs":1e99}',
      '{"type":"gap","channel":"a"}',
    ];
    for (const text of malformed) peer.sendText(text);
    peer.socket?.sendBinary(new Uint8Array([1, 2, 3]));
    peer.message("a", "sssssss:1", { data: null });
    expect((await heard.next()).data).toBeNull();
    const codes = (await errors.take(malformed.length + 1)).map((error) => error.code);
    expect(new Set(codes)).toEqual(new Set(["malformed"]));
    expect(client.stats).toMatchObject({ errors: malformed.length + 1, messages: 1 });
    expect(client.status).toBe("connected");
  });

  test("may have fields and answers that the client does not know", async () => {
    const server = fixture.server();
    const heard = new Inbox<DataMessage>();
    const client = fixture.client(server.url);
    client.subscribe("a", heard.push);
    const peer = await server.connections.next();
    await peer.acceptNext("m1");
    peer.sendText('{"type":"subscribed","id":77,"mark":"m","channels":[],"novel":1}');
    peer.sendText('{"type":"unsubscribed","id":78,"channels":[]}');
    peer.sendText("[]");
    peer.sendText('{"type":"message","novel":{},"channel":"a","cursor":"sssssss:1","ts":1,"data":1}');
    expect((await heard.next()).data).toBe(1);
    expect(client.stats.errors).toBe(0);
  });

  test("as a refusal without an id while requests wait begins the connection anew", async () => {
    const server = fixture.server();
    const sub = fixture.client(server.url).subscribe("a", () => {});
    const first = await server.connections.next();
    await first.subscribes.next();
    first.send({ type: "error", code: "too_many_requests", message: "slow down" });
    await (await server.connections.next()).acceptNext("m1");
    await sub.ready;
  });
});

test("connect refuses what can never work", () => {
  expect(() => connect([])).toThrow(TypeError);
  expect(() => connect("nonsense")).toThrow();
});

describe("a connection that does not come about", () => {
  test("is told once with the address and the reason, and again after one that did", async () => {
    const server = fixture.server();
    const errors = new Inbox<ShardcastError>();
    const plans = new Inbox<ReconnectEvent>();
    const statuses = new Inbox<Status>();
    server.isRefusing = true;
    const urls = [server.url, `${server.url}2`];
    const client = fixture.client(urls, { onError: errors.push, onStatus: statuses.push });
    client.on("reconnect", plans.push);
    expect(await errors.next()).toMatchObject({
      code: "connect_failed",
      message: expect.stringMatching(/^ws:.*\/ws, ws:.*\/ws2: .*404/),
    });
    await plans.take(6);
    expect(errors.left).toBe(0);
    server.isRefusing = false;
    expect(await statuses.take(2)).toEqual(["reconnecting", "connected"]);
    server.isRefusing = true;
    (await server.connections.next()).cut();
    expect((await errors.next()).code).toBe("connect_failed");
  });
});

test("a listener may be absent, also where code without types gives `isVerbose && log`", async () => {
  const none = false as never;
  const client = fixture.client(fixture.server().url, { onStatus: none, onGap: none, onError: none });
  const heard = new Inbox<Status>();
  client.on("status", heard.push);
  // An error in a listener is an uncaught one, which a test does not survive.
  expect(await heard.next()).toBe("connected");
});

test("where the platform has no WebSocket, what to do is said at once", () => {
  const { WebSocket } = globalThis;
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    expect(() => connect("ws://localhost/ws")).toThrow("give `{ WebSocket }`");
  } finally {
    globalThis.WebSocket = WebSocket;
  }
  expect(() => connect([])).toThrow("no URL");
});
