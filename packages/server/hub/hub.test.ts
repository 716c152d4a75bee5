import { describe, expect, test } from "bun:test";
import { covers, patternsOf } from "@shardcast/protocol/channel";
import { formatMark, MARK_TOO_LONG, parseMark } from "@shardcast/protocol/mark";
import fc from "fast-check";
import { Hub } from "./hub.ts";
import { isCovered, patternNames, type Topic } from "./topics.ts";

const LIMITS = { messagesMax: 100, bytesMax: 1 << 20, ageMsMax: 60_000, lastValueBytesMax: 1 << 16 };

function fixture(now: () => number = Date.now) {
  const broadcasts: Array<readonly [topic: string, text: string]> = [];
  const hub = new Hub(LIMITS, (topic, text) => broadcasts.push([topic, text]), { now });
  hub.open("stream0", 0);
  const listen = (name: string): Topic => {
    const topic = hub.topics.acquire(name);
    topic.listeners += 1;
    return topic;
  };
  const publish = (channel: string, text = channel, streamId = "stream0"): void => {
    const offset = hub.slot(streamId)?.next ?? 0;
    const envelope = new TextEncoder().encode(text);
    hub.deliver(streamId, [{ offset, timestampMs: 0, channel, envelope }], offset);
  };
  const gapsOf = (
    after: number,
    through: number,
    reason: "retention" | "truncated" | "gone" = "retention",
  ) => {
    broadcasts.length = 0;
    hub.gap("stream0", after, through, reason);
    return broadcasts.map(([topic, text]) => {
      expect(JSON.parse(text)).toEqual({
        type: "gap",
        channel: topic,
        after: `stream0:${Math.max(0, after)}`,
        through: `stream0:${through}`,
        reason,
      });
      return topic;
    });
  };
  return { hub, broadcasts, listen, publish, gapsOf };
}

const channels = fc
  .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("."));
const names = fc.oneof(
  channels,
  channels.map((name) => `${name}.*`),
);

describe("a hub", () => {
  test("hands a message to its channel and to every pattern over it that somebody listens to, and to no other", () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 12 }), channels, (listened, channel) => {
        const { hub, broadcasts, listen, publish } = fixture();
        for (const name of listened) listen(name);
        publish(channel, "text");
        const expected = listened.filter((name) => name === channel || covers(name, channel));
        expect(broadcasts.map(([topic]) => topic).sort()).toEqual(expected.sort());
        expect(new Set(broadcasts.map(([, text]) => text)).size).toBeLessThanOrEqual(1);
        expect(hub.counters.deliveries).toBe(expected.length);
      }),
    );
  });

  test("a client that listens where no broader topic of its own covers gets each message once", () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 12 }), channels, (subscribed, channel) => {
        const { hub, broadcasts, publish } = fixture();
        const topics = subscribed.map((name) => hub.topics.acquire(name));
        for (const topic of topics) if (!isCovered(topic.name, patternNames(topics))) topic.listeners += 1;
        publish(channel);
        const isWanted = subscribed.some((name) => name === channel || patternsOf(channel).includes(name));
        expect(broadcasts).toHaveLength(isWanted ? 1 : 0);
      }),
    );
  });

  test("broadcasts nothing that nobody listens to, and remembers it all the same", () => {
    const { hub, broadcasts, publish } = fixture();
    hub.topics.acquire("x");
    publish("x");
    expect(broadcasts).toEqual([]);
    expect(hub.history.channel("x")?.count).toBe(1);
  });

  test("has a mark of the offsets that come next, without streams that are gone for long", () => {
    let nowMs = 0;
    const { hub, publish } = fixture(() => nowMs);
    hub.open("stream1", 7);
    publish("x");
    expect(parseMark(hub.mark())).toEqual(
      new Map([
        ["stream0", 1],
        ["stream1", 7],
      ]),
    );
    hub.gap("stream0", 0, 4, "gone");
    // It may come back, and would then come from its beginning to whoever has a mark without it.
    expect(parseMark(hub.mark())?.get("stream0")).toBe(5);
    nowMs += 11 * 60_000;
    hub.deliver("stream1", [], 7);
    expect(parseMark(hub.mark())).toEqual(new Map([["stream1", 8]]));
    hub.deliver("stream0", [], 9);
    expect(parseMark(hub.mark())?.get("stream0")).toBe(10);
  });

  test("names a stream that nobody can follow yet with a position that nothing recovers from", () => {
    const { hub } = fixture();
    hub.unplaced("stream1");
    expect(parseMark(hub.mark())?.get("stream1")).toBe(Number.MAX_SAFE_INTEGER);
    hub.open("stream1", 4);
    expect(parseMark(hub.mark())?.get("stream1")).toBe(4);
  });

  test("says that its position is too long to be told rather than leave streams out", () => {
    const one = formatMark([["stream0", 0]]);
    const hub = new Hub(LIMITS, () => {}, { markCharactersMax: one.length });
    hub.open("stream0", 0);
    expect(hub.mark()).toBe(one);
    hub.open("stream1", 0);
    expect(hub.mark()).toBe(MARK_TOO_LONG);
    hub.forget("stream1");
    expect(hub.mark()).toBe(one);
  });

  test("tells a gap once to each topic that somebody listens to: any stream may feed any channel", () => {
    const { hub, listen, publish, gapsOf } = fixture();
    hub.open("stream1", 0);
    publish("fed.here");
    publish("fed.elsewhere", "e", "stream1");
    const listened = ["fed.here", "fed.elsewhere", "fed.*", "unknown", "unknown.*"];
    for (const name of listened) listen(name);
    hub.topics.acquire("nobody.listens");
    expect(gapsOf(0, 5)).toEqual(listened);
    expect(hub.slot("stream0")).toMatchObject({ next: 6, floor: 6 });
    expect(hub.counters.gaps).toBe(1);
  });

  test("tells a second gap after a truncation as well", () => {
    const { listen, publish, gapsOf } = fixture();
    publish("x");
    publish("x");
    listen("x");
    expect(gapsOf(1, 0, "truncated")).toEqual(["x"]);
    expect(gapsOf(0, 500)).toEqual(["x"]);
  });

  test("after a truncation counts anew, and what was before no longer answers", () => {
    const { hub, publish, gapsOf } = fixture();
    for (let i = 0; i < 5; i++) publish("x");
    const old = hub.slot("stream0")?.index;
    gapsOf(4, 1, "truncated");
    expect(hub.slot("stream0")).toMatchObject({ next: 2, floor: 2 });
    expect(hub.slot("stream0")?.index).not.toBe(old);
  });
});

describe("topics", () => {
  test("are held while anybody subscribes, and gone after that", () => {
    const { hub } = fixture();
    const { topics } = hub;
    const first = topics.acquire("a.*");
    expect(topics.acquire("a.*")).toBe(first);
    topics.release(first);
    expect(topics.pattern("a.*")).toBe(first);
    topics.release(first);
    expect([topics.size, topics.hasPatterns, topics.get("a.*"), topics.pattern("a.*")]).toEqual([
      0,
      false,
      undefined,
      undefined,
    ]);
  });
});
