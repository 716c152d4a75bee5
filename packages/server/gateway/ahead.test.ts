import { describe, expect, test } from "bun:test";
import { formatCursor } from "@shardcast/protocol/cursor";
import { formatMark } from "@shardcast/protocol/mark";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { ENCODINGS, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();
/** How long the shard is waited for: longer than the machine may stand still, or until it is given up. */
const WAIT_MS = { forGood: 60_000, inVain: 50 } as const;

describe.each(ENCODINGS)("to a client whose frames are %s", (encoding) => {
  async function lagging(behindMsMax: number) {
    const fixture = closedLater(gatewayFixture({ encoding, replay: { behindMsMax } }));
    const client = closedLater(await RawClient.open(fixture.url));
    return { fixture, client };
  }

  const cursor = (offset: number) => formatCursor(STREAM, offset);

  test("a client that resumes at a shard behind it waits until that has come as far, and gets what follows once", async () => {
    const { fixture, client } = await lagging(WAIT_MS.forGood);
    for (let i = 0; i < 5; i++) fixture.publish("x", i);
    fixture.logAhead.next = 10;
    client.send({ type: "subscribe", id: 1, channels: ["x"], since: [cursor(7)] });
    await client.ask({ type: "ping", id: 2 });
    expect(fixture.gateway.waits.waiting).toBe(1);
    for (let i = 5; i < 10; i++) fixture.publish("x", i);
    await client.until(() => client.received.some((each) => each.type === "subscribed"));
    fixture.publish("x", 10);
    await client.until(() => client.data.length >= 3);
    expect(client.data).toEqual([8, 9, 10]);
    expect(fixture.gateway.waits.givenUp).toBe(0);
  });

  test("where the shard stays behind, the client joins all the same, and what it has seen is published past it alone", async () => {
    const { fixture, client } = await lagging(WAIT_MS.inVain);
    const other = closedLater(await RawClient.open(fixture.url));
    await other.ask({ type: "subscribe", id: 1, channels: ["a.*"] });
    for (let i = 0; i < 5; i++) fixture.publish("a.x", i);
    fixture.logAhead.next = 10;
    const answer = await client.ask({
      type: "subscribe",
      id: 1,
      channels: ["a.x", "a.*"],
      since: [cursor(7)],
    });
    expect(answer).toMatchObject({
      // Where it comes back with this, elsewhere, nothing of what it has seen is sent to it again.
      mark: formatMark([[STREAM, 8]]),
      channels: [{ recovered: true }, { recovered: true }],
    });
    expect(fixture.hub.ahead.size).toBe(1);
    for (let i = 5; i < 12; i++) fixture.publish(i % 2 === 0 ? "a.x" : "a.y", i);
    await client.until(() => client.data.length >= 4);
    await other.until(() => other.data.length >= 12);
    expect(client.data).toEqual([8, 9, 10, 11]);
    expect(other.data).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect([fixture.hub.ahead.size, fixture.gateway.waits.givenUp]).toEqual([0, 1]);
  });

  test("who left a channel and joins it again from further back gets what is between, also where the shard was behind", async () => {
    const { fixture, client } = await lagging(WAIT_MS.inVain);
    for (let i = 0; i < 5; i++) fixture.publish("x", i);
    fixture.logAhead.next = 10;
    await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [cursor(7)] });
    await client.ask({ type: "unsubscribe", id: 2, channels: ["x"] });
    await client.ask({ type: "subscribe", id: 3, channels: ["x"], since: [cursor(2)] });
    for (let i = 5; i < 10; i++) fixture.publish("x", i);
    await client.until(() => client.data.length >= 7);
    expect(client.data).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });

  test("a position that the log does not reach, and one of a log cut back while it waits, has not recovered", async () => {
    const { fixture, client } = await lagging(WAIT_MS.forGood);
    for (let i = 0; i < 5; i++) fixture.publish("x", i);
    const future = await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [cursor(70)] });
    expect(future).toMatchObject({ channels: [{ recovered: false }] });
    await client.ask({ type: "unsubscribe", id: 2, channels: ["x"] });
    fixture.logAhead.next = 10;
    client.send({ type: "subscribe", id: 3, channels: ["x"], since: [cursor(7)] });
    await client.ask({ type: "ping", id: 4 });
    expect(fixture.gateway.waits.waiting).toBe(1);
    fixture.hub.gap(STREAM, 4, 2, "truncated");
    fixture.hub.deliver(STREAM, [], 20);
    const cut = () => client.received.find((each) => each.type === "subscribed" && each.id === 3);
    await client.until(() => cut() !== undefined);
    expect(cut()).toMatchObject({ channels: [{ recovered: false }] });
    expect(fixture.hub.ahead.size).toBe(0);
  });

  test("a client that goes while it waits leaves nothing behind", async () => {
    const { fixture, client } = await lagging(WAIT_MS.forGood);
    fixture.logAhead.next = 10;
    client.send({ type: "subscribe", id: 1, channels: ["x"], since: [cursor(7)] });
    await client.ask({ type: "ping", id: 2 });
    expect(fixture.gateway.waits.waiting).toBe(1);
    client.close();
    const { gateway } = fixture;
    while (gateway.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    expect([gateway.waits.waiting, gateway.replays.waiting, gateway.replays.cursors]).toEqual([0, 0, 0]);
  });

  test("a client that goes after it has joined ahead leaves nothing behind either", async () => {
    const { fixture, client } = await lagging(WAIT_MS.inVain);
    fixture.logAhead.next = 10;
    await client.ask({ type: "subscribe", id: 1, channels: ["x"], since: [cursor(7)] });
    expect(fixture.hub.ahead.size).toBe(1);
    client.close();
    while (fixture.gateway.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    expect([fixture.hub.ahead.size, fixture.hub.topics.size]).toEqual([0, 0]);
  });

  test("requests of one client that overlap, each from a place of its own ahead of the shard, bring each message once", async () => {
    const { fixture, client } = await lagging(WAIT_MS.inVain);
    for (let i = 0; i < 5; i++) fixture.publish("a.x", i);
    fixture.logAhead.next = 20;
    // What it listens to already is live; the pattern around it is of a client that has seen up to 9.
    await client.ask({ type: "subscribe", id: 1, channels: ["a.x"] });
    await client.ask({ type: "subscribe", id: 2, channels: ["a.*"], since: [cursor(9)] });
    const last = await client.ask({ type: "subscribe", id: 3, channels: ["b"], since: [cursor(11)] });
    // Of one channel it has seen nothing, so the mark may not skip what is still to come there.
    expect(last).toMatchObject({ mark: formatMark([[STREAM, 5]]), channels: [{ recovered: true }] });
    for (const channel of ["a.x", "a.y", "b", "c"]) fixture.publish(channel, `${channel} early`);
    // The plain channel goes, and goes on by the pattern around it; so does what follows.
    await client.ask({ type: "unsubscribe", id: 4, channels: ["a.x"] });
    for (const channel of ["a.x", "a.y", "b"]) fixture.publish(channel, `${channel} later`);
    for (const channel of ["a.x", "a.y", "b"]) fixture.publish(channel, `${channel} last`);
    await client.until(() => client.data.includes("b last"));
    // Offsets: early 5 to 8, later 9 to 11, last 12 to 14.
    expect(client.data).toEqual(["a.x early", "a.x later", "a.y later", "a.x last", "a.y last", "b last"]);
    expect(fixture.hub.ahead.size).toBe(0);
  });
});
