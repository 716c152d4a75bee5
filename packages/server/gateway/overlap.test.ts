// Subscriptions of one connection that cover one another, of which one is asked for from before the other began.
import { describe, expect, test } from "bun:test";
import { formatCursor } from "@shardcast/protocol/cursor";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import {
  ENCODINGS,
  type GatewayFixtureOptions,
  gatewayFixture,
  RawClient,
  STREAM,
} from "./gateway.fixture.ts";

const closedLater = closedAfterEach();
const cursor = (offset: number) => formatCursor(STREAM, offset);

describe.each(ENCODINGS)("to a client whose frames are %s", (encoding) => {
  async function connected(options: GatewayFixtureOptions = {}) {
    const fixture = closedLater(gatewayFixture({ encoding, ...options }));
    const client = closedLater(await RawClient.open(fixture.url));
    let id = 0;
    /** Returns for each channel whether it has recovered, and the mark. */
    async function subscribe(channels: readonly unknown[], since?: string) {
      const answer = await client.ask({ type: "subscribe", id: ++id, channels, since });
      if (answer.type !== "subscribed") throw new Error(JSON.stringify(answer));
      // Last values come after it, and then this.
      await client.ask({ type: "ping", id: ++id });
      return { mark: answer.mark, recovered: answer.channels.map(({ recovered }) => recovered) };
    }
    const unsubscribe = (...channels: string[]) => client.ask({ type: "unsubscribe", id: ++id, channels });
    const received = (isSnapshot: boolean) =>
      client.received.flatMap((each) =>
        each.type === "message" && (each.snapshot ?? false) === isSnapshot ? [each.data] : [],
      );
    const messages = () => received(false);
    const snapshots = () => received(true);
    /** Each channel's messages are its offsets. */
    const publish = (...channels: string[]) => {
      for (const channel of channels) fixture.publish(channel, fixture.published.length);
    };
    return { fixture, publish, subscribe, unsubscribe, messages, snapshots };
  }

  test("a pattern over a live channel that has had messages since has not recovered, and replays the others", async () => {
    const { publish, subscribe, messages, snapshots } = await connected();
    publish("a.x", "a.y");
    await subscribe(["a.x"]);
    publish("a.y");
    expect(await subscribe(["a.*"], "m")).toMatchObject({ recovered: [false] });
    publish("a.x", "a.y");
    await subscribe(["b"]);
    expect(messages()).toEqual([1, 2, 3, 4]);
    expect(snapshots()).toEqual([0, 2]);
  });

  test("a pattern over a live pattern has not recovered either, and in one request each is for itself", async () => {
    const { publish, subscribe, messages } = await connected();
    publish("a.b.c", "b.x", "c");
    await subscribe(["a.b.*"]);
    publish("a.b.c", "b.x", "a.x");
    expect(await subscribe(["b.*", "a.*", "c", "a.b.*"], "m")).toMatchObject({
      recovered: [true, false, true, false],
    });
    expect(messages()).toEqual([3, 1, 2, 4, 5]);
  });

  test("nested patterns of one request over a live channel have neither recovered, beside one that has", async () => {
    const { publish, subscribe, messages } = await connected();
    publish("a.b.x", "a.b.y", "a.c.x");
    await subscribe(["a.b.x"]);
    expect(await subscribe(["a.*", "a.b.*", "a.c.*", "a.c.x"], "m")).toMatchObject({
      recovered: [false, false, true, true],
    });
    expect(messages()).toEqual([1, 2]);
  });

  test("where the live channel has had nothing since, the pattern has recovered", async () => {
    const { publish, subscribe, messages, snapshots } = await connected();
    publish("a.x");
    await subscribe(["a.x"]);
    publish("a.x", "a.y", "b");
    expect(await subscribe(["a.*"], cursor(1))).toMatchObject({ recovered: [true] });
    expect([messages(), snapshots()]).toEqual([[1, 2], []]);
  });

  test("what came by the live channel itself has not come for the pattern", async () => {
    const { publish, subscribe, messages } = await connected();
    const { mark } = await subscribe(["a.x"]);
    publish("a.x", "a.y");
    expect(await subscribe(["a.*"], mark)).toMatchObject({ recovered: [false] });
    expect(messages()).toEqual([0, 1]);
  });

  test("what the connection has is not sent to who asks for it again, and has recovered where nothing came since", async () => {
    const { fixture, publish, subscribe, messages, snapshots } = await connected();
    publish("a.x", "a.b.x");
    await subscribe(["a.*", "d"]);
    publish("a.x", "a.b.x");
    expect(await subscribe(["a.x", "c", "a.b.*", "a.*", "d"], cursor(2))).toMatchObject({
      recovered: [true, true, false, false, true],
    });
    expect([messages(), snapshots()]).toEqual([
      [2, 3],
      [3, 2],
    ]);
    expect(await subscribe(["a.x"], cursor(1))).toMatchObject({ recovered: [false] });
    expect(await subscribe(["a.x", "a.b.*"], cursor(3))).toMatchObject({ recovered: [true, true] });
    expect([messages(), snapshots()]).toEqual([
      [2, 3],
      [3, 2, 2],
    ]);
    expect(fixture.reads).toHaveLength(0);
  });

  test("nothing is waited for and no log read for what the connection has", async () => {
    const { fixture, publish, subscribe } = await connected({ history: { bytesMax: 4096 } });
    await subscribe(["a.*"]);
    publish(...Array.from({ length: 100 }, () => "c"));
    expect(await subscribe(["a.x"], "m")).toMatchObject({ recovered: [false] });
    fixture.logAhead.next = 200;
    expect(await subscribe(["a.y"], cursor(150))).toMatchObject({ recovered: [false] });
    expect([fixture.reads.length, fixture.gateway.waits.givenUp]).toEqual([0, 0]);
  });

  test("what was left before the pattern is replayed with it", async () => {
    const { publish, subscribe, unsubscribe, messages } = await connected();
    publish("a.x", "a.y");
    await subscribe(["a.x", "a.z"]);
    publish("a.x", "a.y");
    await unsubscribe("a.x");
    expect(await subscribe(["a.*"], "m")).toMatchObject({ recovered: [true] });
    await unsubscribe("a.*", "a.z");
    expect(await subscribe(["a.*"], cursor(1))).toMatchObject({ recovered: [true] });
    expect(messages()).toEqual([2, 0, 1, 2, 3, 2, 3]);
  });

  test("what stands in the log alone is looked at too", async () => {
    const rest = Array.from({ length: 100 }, () => "c");
    for (const [since, recovered, expected] of [
      [cursor(0), true, [1, 102]],
      ["m", false, [1, 102]],
    ] as const) {
      const { fixture, publish, subscribe, messages } = await connected({ history: { bytesMax: 4096 } });
      publish("a.x", "a.y", ...rest);
      await subscribe(["a.x", "b.x"]);
      publish("a.y", ...rest);
      expect(await subscribe(["a.*"], since)).toMatchObject({ recovered: [recovered] });
      expect(messages()).toEqual([...expected]);
      expect(fixture.reads.length).toBeGreaterThan(0);
    }
  });

  test("what the cap on the live channel's messages has dropped has come", async () => {
    const { publish, subscribe } = await connected({ history: { messagesMax: 0 } });
    publish("a.x");
    await subscribe(["a.x"]);
    expect(await subscribe(["a.*"], "m")).toMatchObject({ recovered: [false] });
    const capped = await connected({ history: { messagesMax: 1 } });
    await capped.subscribe(["a.x"]);
    capped.publish("a.x", "a.x");
    expect(await capped.subscribe(["a.*"], cursor(1))).toMatchObject({ recovered: [true] });
  });

  test("of channels of which only the newest counts nothing is missing", async () => {
    const { publish, subscribe } = await connected();
    publish("a.x");
    await subscribe([{ channel: "a.x", policy: "latest" }]);
    publish("a.x");
    expect(await subscribe([{ channel: "a.*", policy: "latest" }], "m")).toMatchObject({ recovered: [true] });
  });
});
