import { afterEach, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { Fixture } from "./clients.fixture.ts";
import { deflate } from "./deflate.ts";
import { Inbox } from "./inbox.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

function message(cursor: string, data: unknown = cursor): DataMessage {
  return { type: "message", channel: "a", cursor, ts: 1, data };
}

/** A client on the channel `a`, and what it got. */
function start(options: Parameters<Fixture["client"]>[1] = {}) {
  const server = fixture.server();
  const client = fixture.client(server.url, { encoding: deflate, ...options });
  const heard = new Inbox<DataMessage>();
  client.subscribe("a", heard.push);
  const cursors = async (count: number) => (await heard.take(count)).map(({ cursor }) => cursor);
  return { server, client, cursors };
}

test("deflated frames and text ones are handed out in the order in which they came", async () => {
  const { server, cursors } = start();
  const peer = await server.connections.next();
  expect(peer.query).toBe("?encoding=deflate");
  await peer.acceptNext("m1");
  const filler = "x".repeat(1 << 20);
  peer.message("a", "sssssss:1");
  // The larger one takes longer to be inflated than what follows it.
  peer.sendDeflated([message("sssssss:2", filler), message("sssssss:3")]);
  peer.message("a", "sssssss:4");
  peer.sendDeflated([message("sssssss:5")]);
  peer.sendDeflated([message("sssssss:6"), message("sssssss:7")]);
  peer.message("a", "sssssss:8");
  expect(await cursors(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((offset) => `sssssss:${offset}`));
});

test("after deflated frames text is handed out at once again", async () => {
  const { server, cursors } = start();
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  peer.sendDeflated([message("sssssss:1")]);
  expect(await cursors(1)).toEqual(["sssssss:1"]);
  peer.message("a", "sssssss:2");
  expect(await cursors(1)).toEqual(["sssssss:2"]);
});

test("what came before the connection ended is handed out before the end is told", async () => {
  const order: string[] = [];
  const ended = new Inbox<void>();
  const server = fixture.server();
  const client = fixture.client(server.url, {
    encoding: deflate,
    onStatus: (status) => {
      order.push(status);
      if (status === "reconnecting") ended.push();
    },
  });
  client.subscribe("a", ({ cursor }) => order.push(cursor));
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  peer.sendDeflated([message("sssssss:1", "x".repeat(1 << 20)), message("sssssss:2")]);
  peer.close(1012, "service restart");
  await ended.next();
  expect(order).toEqual(["connected", "sssssss:1", "sssssss:2", "reconnecting"]);
  const next = await server.connections.next();
  expect((await next.subscribes.next()).since).toEqual(["m1", "sssssss:2"]);
});

test("a frame that can not be inflated ends the connection; the next one is plain, and goes on from before it", async () => {
  const errors: string[] = [];
  const { server, cursors } = start({ onError: ({ code, message }) => errors.push(`${code}: ${message}`) });
  const first = await server.connections.next();
  await first.acceptNext("m1");
  first.message("a", "sssssss:1");
  first.sendBytes(new Uint8Array([1, 2, 3]));
  first.message("a", "sssssss:3");
  const second = await server.connections.next();
  expect(second.query).toBe("");
  expect((await second.acceptNext("m2")).since).toEqual(["m1", "sssssss:1"]);
  second.message("a", "sssssss:2");
  expect(await cursors(2)).toEqual(["sssssss:1", "sssssss:2"]);
  expect(errors).toEqual([expect.stringMatching(/^malformed: .*undecodable/)]);
});

test("where the runtime can not inflate, nothing is asked for", async () => {
  const { server, cursors } = start({ encoding: { ...deflate, isAvailable: () => false } });
  const peer = await server.connections.next();
  expect(peer.query).toBe("");
  await peer.acceptNext("m1");
  peer.message("a", "sssssss:1");
  expect(await cursors(1)).toEqual(["sssssss:1"]);
});

test("it is available exactly where the platform has the format", () => {
  const { DecompressionStream: own } = globalThis;
  expect(deflate.isAvailable()).toBe(true);
  try {
    Reflect.deleteProperty(globalThis, "DecompressionStream");
    expect(deflate.isAvailable()).toBe(false);
    globalThis.DecompressionStream = class {
      constructor(format: string) {
        throw new TypeError(`no ${format} here`);
      }
    } as unknown as typeof own;
    expect(deflate.isAvailable()).toBe(false);
  } finally {
    globalThis.DecompressionStream = own;
  }
});

test("an address with a query of its own keeps it", async () => {
  const server = fixture.server();
  const client = fixture.client(`${server.url}?region=eu`, { encoding: deflate });
  expect((await server.connections.next()).query).toBe("?region=eu&encoding=deflate");
  expect(client.url).toEndWith("?region=eu");
});
