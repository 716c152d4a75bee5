// What happens between the request for a resume and its turn.
import { describe, expect, test } from "bun:test";
import { formatCursor } from "@shardcast/protocol/cursor";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { ENCODINGS, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();
const since = (offset: number) => formatCursor(STREAM, offset);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(ENCODINGS)("to a client whose frames are %s", (encoding) => {
  async function connected() {
    const waiting: { meanwhile: (() => void) | undefined } = { meanwhile: undefined };
    // The queue looks at the clock as its turn begins, before anybody has had it.
    const now = () => {
      const { meanwhile } = waiting;
      if (meanwhile !== undefined && fixture.gateway.replays.waiting > 0) {
        waiting.meanwhile = undefined;
        meanwhile();
      }
      return performance.now();
    };
    const fixture = closedLater(gatewayFixture({ encoding, gateway: { pace: { now } } }));
    const client = closedLater(await RawClient.open(fixture.url));
    const nothingIsLeft = () => {
      const { room } = fixture.hub;
      expect([room.promised, room.count, fixture.gateway.replays.waiting]).toEqual([0, 0, 0]);
    };
    return { ...fixture, client, waiting, nothingIsLeft };
  }

  test("what comes of a channel that the connection has comes live, and is nothing that it lacks", async () => {
    const { client, waiting, publish } = await connected();
    await client.ask({ type: "subscribe", id: 1, channels: ["a.x"] });
    publish("a.x", 0);
    publish("a.y", 1);
    waiting.meanwhile = () => {
      publish("a.x", 2);
      publish("a.y", 3);
    };
    const answer = await client.ask({ type: "subscribe", id: 2, channels: ["a.*"], since: since(0) });
    expect(answer).toMatchObject({ channels: [{ channel: "a.*", recovered: true }] });
    publish("a.y", 4);
    await client.ask({ type: "ping", id: 3 });
    expect(client.data).toEqual([0, 2, 1, 3, 4]);
  });

  test("a message comes once, in its order, and requests behind it are answered in theirs", async () => {
    const { client, waiting, publish } = await connected();
    publish("a", 0);
    publish("a", 1);
    waiting.meanwhile = () => void publish("a", 2);
    client.send({ type: "subscribe", id: 1, channels: ["a"], since: since(0) });
    client.send({ type: "ping", id: 2 });
    client.send({ type: "subscribe", id: 3, channels: ["b"], since: since(1) });
    client.send({ type: "unsubscribe", id: 4, channels: ["b"] });
    const newest = [{ channel: "c", policy: "latest" }];
    client.send({ type: "subscribe", id: 5, channels: newest, since: since(1) });
    await client.ask({ type: "unsubscribe", id: 6, channels: ["c"] });
    publish("a", 3);
    await client.ask({ type: "ping", id: 7 });
    const answers = client.received.flatMap((each) => ("id" in each && each.type !== "pong" ? each.id : []));
    expect(answers).toEqual([1, 3, 4, 5, 6]);
    expect(client.data).toEqual([1, 2, 3]);
    // It overtakes, and would else be a position behind what is still to come.
    const pong = client.received.find((each) => each.type === "pong" && each.id === 2);
    expect(pong).toEqual({ type: "pong", id: 2 });
  });

  test("a stream that is cut back leaves nothing to go on from", async () => {
    const { client, waiting, publish, hub } = await connected();
    for (let offset = 0; offset < 5; offset++) publish("a", offset);
    waiting.meanwhile = () => hub.gap(STREAM, 4, 1, "truncated");
    const answer = await client.ask({ type: "subscribe", id: 1, channels: ["a"], since: since(3) });
    expect(answer).toMatchObject({ channels: [{ channel: "a", recovered: false }] });
  });

  test("clients that go at any moment take their resumes along", async () => {
    const { client, publish, gateway, url, logAhead, nothingIsLeft } = await connected();
    publish("a", 0);
    logAhead.next = 10;
    for (let turns = 0; turns < 6; turns++) {
      const going = await RawClient.open(url);
      // Every second one waits for this shard in its turn.
      going.send({ type: "subscribe", id: 1, channels: ["a", "b"], since: since(turns % 2 === 0 ? 5 : 0) });
      going.send({ type: "subscribe", id: 2, channels: ["c"], since: since(0) });
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      going.close();
      await going.closed();
    }
    while (gateway.connections > 1) await nextTurn();
    nothingIsLeft();
    await client.ask({ type: "ping", id: 1 });
  });

  test("a gateway that closes sends away who waits", async () => {
    const { client, waiting, publish, gateway, nothingIsLeft } = await connected();
    publish("a", 0);
    let closing: Promise<void> | undefined;
    waiting.meanwhile = () => {
      closing = gateway.close();
    };
    client.send({ type: "subscribe", id: 1, channels: ["a", "b"], since: since(0) });
    expect(await client.closed()).toBe(1012);
    await closing;
    nothingIsLeft();
  });
});
