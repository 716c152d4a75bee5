import { afterEach, describe, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { rejectionOf } from "../../test/services/rejectionOf.ts";
import { Fixture } from "./clients.fixture.ts";
import type { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import { Inbox } from "./inbox.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

async function connected(errors?: Inbox<ShardcastError>) {
  const server = fixture.server();
  const client = fixture.client(server.url, errors === undefined ? {} : { onError: errors.push });
  return { server, client, peer: await server.connections.next() };
}

describe("handlers", () => {
  test("of one channel share its subscription, and the last one to leave ends it", async () => {
    const { client, peer } = await connected();
    const [one, two] = [new Inbox<DataMessage>(), new Inbox<DataMessage>()];
    const first = client.subscribe("a", one.push);
    const second = client.subscribe("a", two.push);
    expect((await peer.acceptNext("m1")).channels).toEqual(["a"]);
    expect(await client.subscribe("a", () => {}).ready).toEqual({ recovered: true, mark: "m1" });
    peer.message("a", "sssssss:1");
    await one.next();
    await two.next();
    first.unsubscribe();
    first.unsubscribe();
    peer.message("a", "sssssss:2");
    await two.next();
    expect(one.left).toBe(0);
    second.unsubscribe();
    expect(peer.order).toEqual(["subscribe"]);
  });

  test("of patterns and of the channel itself each see a message that the server sends once", async () => {
    const { client, peer } = await connected();
    const seen: string[] = [];
    for (const name of ["a.*", "a.b.*", "a.b.c", "a.b", "b.*"]) client.subscribe(name, () => seen.push(name));
    const last = new Inbox<DataMessage>();
    client.subscribe("z", last.push);
    await peer.acceptNext("m1");
    peer.message("a.b.c", "sssssss:1");
    peer.message("z", "sssssss:2");
    await last.next();
    expect(seen.sort()).toEqual(["a.*", "a.b.*", "a.b.c"]);
  });

  test("that throw are reported and cost the others nothing", async () => {
    const errors = new Inbox<ShardcastError>();
    const { client, peer } = await connected(errors);
    const heard = new Inbox<DataMessage>();
    const cause = new Error("mine");
    client.subscribe("a", () => {
      throw cause;
    });
    client.subscribe("a", heard.push);
    await peer.acceptNext("m1");
    peer.message("a", "sssssss:1");
    await heard.next();
    expect(await errors.next()).toMatchObject({ code: "handler_failed", channel: "a", cause });
  });

  test("that asked for the last value get it, the others do not", async () => {
    const { client, peer } = await connected();
    const [plain, asking] = [new Inbox<DataMessage>(), new Inbox<DataMessage>()];
    await Promise.all([client.subscribe("a", plain.push).ready, peer.acceptNext("m1")]);
    const { ready } = client.subscribe("a", asking.push, { snapshot: true });
    expect((await peer.acceptNext("m1")).channels).toEqual([{ channel: "a", snapshot: true }]);
    await ready;
    peer.message("a", "sssssss:1", { snapshot: true });
    peer.message("a", "sssssss:2");
    expect((await asking.next()).snapshot).toBe(true);
    expect((await asking.next()).cursor).toBe("sssssss:2");
    expect((await plain.next()).cursor).toBe("sssssss:2");
  });
});

describe("a subscription", () => {
  test("made while the client connects waits for the welcome", async () => {
    const server = fixture.server({ welcome: false });
    const sub = fixture.client(server.url).subscribe("a", () => {});
    const peer = await server.connections.next();
    expect(peer.order).toEqual([]);
    peer.send({
      type: "welcome",
      instance: "a",
      shard: 0,
      session: "s",
      pingIntervalMs: 60_000,
      more: 1,
    } as never);
    await peer.acceptNext("m1");
    await sub.ready;
  });

  test("that the server refuses rejects `ready`, is reported, and leaves the others alone", async () => {
    const errors = new Inbox<ShardcastError>();
    const { client, peer } = await connected(errors);
    const [good, bad] = [client.subscribe("a", () => {}), client.subscribe("b", () => {})];
    const { id } = await peer.subscribes.next();
    const error = { code: "channel_forbidden", message: "no" } as const;
    peer.send({ type: "subscribed", id, mark: "m1", channels: [{ channel: "a" }, { channel: "b", error }] });
    expect(await good.ready).toEqual({ recovered: true, mark: "m1" });
    expect(await rejectionOf(bad.ready)).toMatchObject({ code: "channel_forbidden", channel: "b" });
    expect(await errors.next()).toMatchObject({ code: "channel_forbidden", channel: "b" });
  });

  test("refused for the rate of requests is asked for again", async () => {
    const errors = new Inbox<ShardcastError>();
    const { client, peer } = await connected(errors);
    const sub = client.subscribe("a", () => {});
    const { id } = await peer.subscribes.next();
    peer.send({ type: "error", id, code: "too_many_requests", message: "slow down" });
    expect((await errors.next()).code).toBe("too_many_requests");
    await peer.acceptNext("m1");
    expect((await sub.ready).recovered).toBe(true);
  });

  test("refused because the server has no room for it is asked for again", async () => {
    const errors = new Inbox<ShardcastError>();
    const { client, peer } = await connected(errors);
    const sub = client.subscribe("a", () => {});
    const { id } = await peer.subscribes.next();
    const error = { code: "subscriptions_full", message: "later" } as const;
    peer.send({ type: "subscribed", id, mark: "m0", channels: [{ channel: "a", error }] });
    expect((await errors.next()).code).toBe("subscriptions_full");
    await peer.acceptNext("m1");
    expect((await sub.ready).recovered).toBe(true);
  });

  test("of a channel that is answered is ready, though the resume of another one is not", async () => {
    const { client, peer } = await connected();
    const { ready } = client.subscribe("a", () => {});
    client.subscribe("b", () => {}, { since: "m0" });
    for (const request of await peer.subscribes.take(2)) if (!request.since) peer.accept(request, "m5");
    await ready;
    expect(await client.subscribe("a", () => {}).ready).toEqual({ recovered: true, mark: "m5" });
  });

  test("ended before its answer rejects `ready`, and its answer is ignored", async () => {
    const { client, peer } = await connected();
    const sub = client.subscribe("a", () => {});
    const request = await peer.subscribes.next();
    sub.unsubscribe();
    expect(await rejectionOf(sub.ready)).toMatchObject({ code: "unsubscribed" });
    expect((await peer.unsubscribes.next()).channels).toEqual(["a"]);
    peer.accept(request, "m1");
    const { ready } = client.subscribe("b", () => {});
    await peer.acceptNext("m2");
    await ready;
    expect(client.stats.errors).toBe(0);
  });

  test("made anew does not begin with stragglers of the one given up", async () => {
    const { client, peer } = await connected();
    const heard = new Inbox<DataMessage>();
    const old = client.subscribe("a", () => {});
    await peer.acceptNext("m1");
    await old.ready;
    old.unsubscribe();
    client.subscribe("a", heard.push);
    const { id } = await peer.unsubscribes.next();
    peer.message("a", "sssssss:1");
    peer.send({ type: "unsubscribed", id, channels: ["a"] });
    await peer.acceptNext("m2");
    peer.message("a", "sssssss:3");
    expect((await heard.next()).cursor).toBe("sssssss:3");
    expect(peer.order).toEqual(["subscribe", "unsubscribe", "subscribe"]);
  });

  test.each(["before it was given up", "while it resumes"])(
    "from a place of its own gets all since then, whatever came by a pattern %s, also over a break",
    async (when) => {
      const { server, client, peer } = await connected();
      const covering = client.subscribe("a.*", () => {});
      await peer.acceptNext("m1");
      await covering.ready;
      const heard = new Inbox<DataMessage>();
      const subscribe = () => client.subscribe("a.x", heard.push, { since: "sssssss:0" });
      let breaking = peer;
      // What is before it has not come yet.
      const early = "sssssss:3";
      if (when === "while it resumes") {
        peer.cut();
        breaking = await server.connections.next();
        await breaking.subscribes.next();
        subscribe();
        await breaking.subscribes.next();
        breaking.message("a.x", early);
        expect((await heard.next()).cursor).toBe(early);
        covering.unsubscribe();
      } else {
        covering.unsubscribe();
        subscribe();
        const { id } = await peer.unsubscribes.next();
        await peer.subscribes.next();
        peer.message("a.x", early);
        peer.send({ type: "unsubscribed", id, channels: ["a.*"] });
      }
      breaking.cut();
      const again = await server.connections.next();
      const request = await again.subscribes.next();
      for (const n of [1, 2, 3, 4]) again.message("a.x", `sssssss:${n}`);
      again.accept(request, "m2");
      for (const n of [1, 2, 3, 4]) expect((await heard.next()).cursor).toBe(`sssssss:${n}`);
    },
  );

  test("begun during the unfinished resume of a pattern over it gets what that brings once", async () => {
    const { server, client, peer } = await connected();
    const covering = client.subscribe("a.*", () => {});
    await peer.acceptNext("m1");
    await covering.ready;
    peer.cut();
    const resuming = await server.connections.next();
    await resuming.subscribes.next();
    const heard = new Inbox<DataMessage>();
    client.subscribe("a.x", heard.push);
    await resuming.subscribes.next();
    resuming.message("a.x", "sssssss:1");
    await heard.next();
    resuming.cut();
    const again = await server.connections.next();
    for (const request of await again.subscribes.take(2)) {
      if (request.since) for (const n of [1, 2]) again.message("a.x", `sssssss:${n}`);
      again.accept(request, "m2");
    }
    expect((await heard.next()).cursor).toBe("sssssss:2");
  });

  test("with an impossible name, position or time is refused at once", async () => {
    const { client, peer } = await connected();
    expect(() => client.subscribe("a..b")).toThrow(expect.objectContaining({ code: "channel_invalid" }));
    client.subscribe("a", () => {});
    await peer.acceptNext("m1");
    expect(() => client.subscribe("a", { since: "m1" })).toThrow(
      expect.objectContaining({ code: "already_subscribed" }),
    );
    await client.close();
    expect(() => client.subscribe("b")).toThrow(expect.objectContaining({ code: "closed" }));
  });
});

describe("an iterator", () => {
  test("yields typed messages in order, and leaving the loop unsubscribes", async () => {
    const { client, peer } = await connected();
    const sub = client.subscribe<{ price: number }>("a");
    await peer.acceptNext("m1");
    for (const n of [1, 2, 3]) peer.message("a", `sssssss:${n}`, { data: { price: n } });
    const prices: number[] = [];
    for await (const { data } of sub) {
      prices.push(data.price);
      if (data.price === 2) break;
    }
    expect(prices).toEqual([1, 2]);
    expect((await peer.unsubscribes.next()).channels).toEqual(["a"]);
  });

  test("that is read too slowly gets what was queued and then an error, and a gap is told", async () => {
    const { client, peer } = await connected();
    const gaps = new Inbox<GapEvent>();
    client.on("gap", gaps.push);
    const sub = client.subscribe("a", { queueMax: 2 });
    await peer.acceptNext("m1");
    for (const n of [1, 2, 3]) peer.message("a", `sssssss:${n}`);
    expect(await gaps.next()).toEqual({ channel: "a", reason: "queue_overflow" });
    expect((await peer.unsubscribes.next()).channels).toEqual(["a"]);
    const cursors: string[] = [];
    const reading = (async () => {
      for await (const { cursor } of sub) cursors.push(cursor);
    })();
    expect(await rejectionOf(reading)).toMatchObject({ code: "queue_overflow", channel: "a" });
    expect(cursors).toEqual(["sssssss:1", "sssssss:2"]);
  });

  test("ends when the client is closed, after what was queued", async () => {
    const { client, sub } = await withOneQueued();
    await client.close();
    const cursors: string[] = [];
    for await (const { cursor } of sub) cursors.push(cursor);
    expect(cursors).toEqual(["sssssss:1"]);
  });

  test("answers calls in their order, whether they wait or not", async () => {
    const { client, peer } = await connected();
    const messages = client.subscribe("a")[Symbol.asyncIterator]();
    const waiting = [messages.next(), messages.next()];
    await peer.acceptNext("m1");
    for (const n of [1, 2, 3]) peer.message("a", `sssssss:${n}`);
    const results = await Promise.all([...waiting, messages.next()]);
    expect(results.map(({ value }) => value?.cursor)).toEqual(["sssssss:1", "sssssss:2", "sssssss:3"]);
  });

  test("that waits is told of the end, whoever brings it about", async () => {
    const { client } = await connected();
    const sub = client.subscribe("a");
    const messages = sub[Symbol.asyncIterator]();
    const waiting = [messages.next(), messages.next()];
    sub.unsubscribe();
    expect((await Promise.all(waiting)).map(({ done }) => done)).toEqual([true, true]);
    const others = client.subscribe("b")[Symbol.asyncIterator]();
    const [read, left] = await Promise.all([others.next(), others.return?.()]);
    expect([read.done, left?.done]).toEqual([true, true]);
  });

  test("throws what went wrong once, and has ended then", async () => {
    const { client, peer } = await connected();
    const messages = client.subscribe("a")[Symbol.asyncIterator]();
    const read = messages.next();
    const { id } = await peer.subscribes.next();
    peer.send({ type: "error", id, code: "bad_request", message: "no" });
    expect(await rejectionOf(read)).toMatchObject({ code: "bad_request" });
    expect(await messages.next()).toEqual({ value: undefined, done: true });
  });

  test("does not hand out what was queued when it is left", async () => {
    const { sub } = await withOneQueued();
    sub.unsubscribe();
    expect((await sub[Symbol.asyncIterator]().next()).done).toBe(true);
  });

  test("that is left after it has overflowed ends without a word, whatever is queued", async () => {
    const { client, peer } = await connected();
    const [empty, filled] = [client.subscribe("a", { queueMax: 2 }), client.subscribe("b", { queueMax: 2 })];
    await peer.acceptNext("m1");
    for (const n of [1, 2, 3, 4, 5, 6]) peer.message(n % 2 ? "a" : "b", `sssssss:${n}`);
    await peer.unsubscribes.take(2);
    let seen = 0;
    for await (const _ of empty) if (++seen === 2) break;
    const messages = filled[Symbol.asyncIterator]();
    await messages.next();
    const end = { value: undefined, done: true } as const;
    expect(await messages.return?.()).toEqual(end);
    expect(await messages.next()).toEqual(end);
  });

  test("that something is thrown into has been left", async () => {
    const { client, peer } = await connected();
    const sub = client.subscribe("a");
    await peer.acceptNext("m1");
    async function* outer() {
      yield* sub;
    }
    const messages = outer();
    peer.message("a", "sssssss:1");
    await messages.next();
    expect(await rejectionOf(messages.throw(new Error("mine")))).toMatchObject({
      message: expect.stringContaining("mine"),
    });
    expect((await peer.unsubscribes.next()).channels).toEqual(["a"]);
  });

  test("does not exist beside a handler", async () => {
    const { client } = await connected();
    const sub = client.subscribe("a", () => {});
    expect(() => sub[Symbol.asyncIterator]()).toThrow(TypeError);
  });
});

/** A subscription that nobody has read from yet, after its first message. */
async function withOneQueued() {
  const { client, peer } = await connected();
  const sub = client.subscribe("a");
  const heard = new Inbox<DataMessage>();
  client.subscribe("a", heard.push);
  await peer.acceptNext("m1");
  peer.message("a", "sssssss:1");
  await heard.next();
  return { client, sub };
}
