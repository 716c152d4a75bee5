import { afterEach, expect, test } from "bun:test";
import { rejectionOf } from "../../test/services/rejectionOf.ts";
import { Fixture } from "./clients.fixture.ts";
import { Inbox } from "./inbox.fixture.ts";
import type { TokenContext } from "./options.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

test("a signal ends a subscription: its loop, its `ready`, and what the server sends", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const [iterated, waiting] = [new AbortController(), new AbortController()];
  const sub = client.subscribe("a", { signal: iterated.signal });
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  const { ready } = client.subscribe("b", () => {}, { signal: waiting.signal });
  const request = await peer.subscribes.next();
  waiting.abort(new Error("enough"));
  expect(await rejectionOf(ready)).toMatchObject({ code: "unsubscribed", cause: new Error("enough") });
  const looping = (async () => {
    let count = 0;
    for await (const _ of sub) count++;
    return count;
  })();
  iterated.abort();
  expect(await looping).toBe(0);
  expect((await peer.unsubscribes.take(2)).map(({ channels }) => channels)).toEqual([["b"], ["a"]]);
  peer.accept(request, "m2");
  expect(client.stats.errors).toBe(0);
});

test("a signal that has aborted before lets nothing begin", async () => {
  const server = fixture.server();
  const signal = AbortSignal.abort(new Error("too late"));
  expect(() => fixture.client(server.url, { signal })).toThrow("too late");
  const client = fixture.client(server.url);
  expect(() => client.subscribe("a", { signal })).toThrow("too late");
});

test("the signal of `connect` closes the client", async () => {
  const server = fixture.server();
  const abort = new AbortController();
  const client = fixture.client(server.url, { signal: abort.signal });
  const closed = new Promise((resolve) => client.on("close", resolve));
  const peer = await server.connections.next();
  const sub = client.subscribe("a");
  await peer.acceptNext("m1");
  abort.abort();
  expect(await closed).toMatchObject({ code: 1000 });
  expect((await sub[Symbol.asyncIterator]().next()).done).toBe(true);
});

test("who is asked for a token learns that it is not wanted any more", async () => {
  const server = fixture.server();
  const asked = new Inbox<TokenContext>();
  const never = (context: TokenContext) => {
    asked.push(context);
    return new Promise<string>(() => {});
  };
  const client = fixture.client(server.url, { token: never, connectTimeoutMs: 5 });
  const late = (await asked.next()).signal;
  const { signal } = await asked.next();
  expect(late.aborted).toBe(true);
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  await client.close();
  await aborted;
});
