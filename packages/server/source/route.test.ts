import { describe, expect, test } from "bun:test";
import { isChannelName } from "@shardcast/protocol/channel";
import fc from "fast-check";
import type { SourceRecord } from "../publication.ts";
import { createRouter, isUnroutable } from "./route.ts";

function record(changes: Partial<SourceRecord> = {}): SourceRecord {
  return {
    topic: "trades",
    partition: 3,
    offset: 7,
    timestampMs: 1000,
    key: Buffer.from("BTC"),
    value: Buffer.from("{}"),
    headers: [],
    ...changes,
  };
}

/** The channel, or the reason why there is none. */
function route(template: string, changes: Partial<SourceRecord> = {}): string {
  const routed = createRouter({ defaultTemplate: template, topicTemplates: {} })("abcdefg", record(changes));
  return isUnroutable(routed) ? `!${routed.unroutable}` : routed.channel;
}

const json = (value: unknown): Partial<SourceRecord> => ({ value: Buffer.from(JSON.stringify(value)) });

describe("routing", () => {
  test("a record becomes a publication with its envelope", () => {
    const routed = createRouter({ defaultTemplate: "{key}.{topic}", topicTemplates: {} })(
      "abcdefg",
      record(),
    );
    if (isUnroutable(routed)) throw new Error(routed.detail);
    expect(routed).toMatchObject({ offset: 7, timestampMs: 1000, channel: "BTC.trades" });
    expect(JSON.parse(Buffer.from(routed.envelope).toString())).toMatchObject({ cursor: "abcdefg:7" });
  });

  test("a topic's own template goes before the default", () => {
    const router = createRouter({ defaultTemplate: "{key}", topicTemplates: { trades: "t.{partition}" } });
    expect(router("abcdefg", record())).toMatchObject({ channel: "t.3" });
    expect(router("abcdefg", record({ topic: "other" }))).toMatchObject({ channel: "BTC" });
  });

  test("headers, of which the last of a name counts", () => {
    const headers = [
      ["a.b", Buffer.from("one")],
      ["a.b", Buffer.from("two")],
      ["empty", Buffer.from("")],
    ] as const;
    expect(route("{header.a.b}", { headers })).toBe("two");
    expect(route("{header.none}", { headers })).toBe("!header_missing");
    expect(route("{header.empty}", { headers })).toBe("!header_empty");
  });

  test("JSON fields that are strings, booleans or safe integers", () => {
    expect(route("{value.a.b}", json({ a: { b: "x" } }))).toBe("x");
    expect(route("{value.a.1}", json({ a: ["x", "y"] }))).toBe("y");
    expect(route("{value.a}", json({ a: -5 }))).toBe("-5");
    expect(route("{value.a}", json({ a: true }))).toBe("true");
    expect(route("{value.a}", json({ a: 1.5 }))).toBe("!field_type");
    expect(route("{value.a}", { value: Buffer.from('{"a":12345678901234567890}') })).toBe("!field_type");
    expect(route("{value.a}", json({ a: null }))).toBe("!field_type");
    expect(route("{value.a}", json({ a: {} }))).toBe("!field_type");
    expect(route("{value.a}", json({ a: "" }))).toBe("!field_empty");
    expect(route("{value.a}", json({}))).toBe("!field_missing");
  });

  test("what every object inherits is no field", () => {
    expect(route("{value.constructor.name}", json({}))).toBe("!field_missing");
    expect(route("{value.__proto__.a}", json({}))).toBe("!field_missing");
    expect(route("{value.length}", json([1, 2]))).toBe("!field_missing");
    expect(route("{value.__proto__}", { value: Buffer.from('{"__proto__":"x"}') })).toBe("x");
  });

  test("a value that a field is needed of, and that is not JSON, is unroutable", () => {
    expect(route("{value.a}", { value: Buffer.from("{") })).toBe("!value_not_json");
    expect(route("{value.a}", { value: new Uint8Array([0xff]) })).toBe("!value_not_json");
    expect(route("{value.a}", { value: null })).toBe("!value_tombstone");
    expect(route("{key}", { value: null })).toBe("BTC");
    expect(route("{key}", { value: Buffer.from("{") })).toBe("BTC");
  });

  test("a key that is missing, empty, too long or no channel name is unroutable, never rewritten", () => {
    expect(route("{key}", { key: null })).toBe("!key_missing");
    expect(route("{key}", { key: new Uint8Array(0) })).toBe("!key_empty");
    expect(route("{key}.x", { key: Buffer.from("a b") })).toBe("!channel_invalid");
    expect(route("{key}.x", { key: Buffer.from("a.") })).toBe("!channel_invalid");
    expect(route("{key}", { key: Buffer.from("é") })).toBe("!channel_invalid");
    expect(route("{key}", { key: Buffer.from("a\n") })).toBe("!channel_invalid");
    expect(route("{key}", { key: Buffer.from("a*") })).toBe("!channel_invalid");
    expect(route("{key}", { key: Buffer.from("x".repeat(255)) })).toBe("x".repeat(255));
    expect(route("{key}", { key: Buffer.from("x".repeat(1_000_000)) })).toBe("!channel_too_long");
  });

  test("whatever a record holds, it gets a valid channel or a reason of bounded length", () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    );
    const router = createRouter({ defaultTemplate: "{key}.{header.h}.{value.a}", topicTemplates: {} });
    fc.assert(
      fc.property(bytes, bytes, fc.option(bytes), (key, header, value) => {
        const routed = router("abcdefg", record({ key, value, headers: [["h", header]] }));
        if (isUnroutable(routed)) expect(routed.detail.length).toBeLessThan(1000);
        else expect(isChannelName(routed.channel)).toBe(true);
      }),
    );
  });

  test("different keys never share a channel", () => {
    const router = createRouter({ defaultTemplate: "{key}.t", topicTemplates: {} });
    const key = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.stringMatching(/^[A-Z.:]{1,4}$/).map((t) => Buffer.from(t)),
    );
    fc.assert(
      fc.property(key, key, (a, b) => {
        const first = router("abcdefg", record({ key: a }));
        const second = router("abcdefg", record({ key: b }));
        if (isUnroutable(first) || isUnroutable(second) || Buffer.compare(a, b) === 0) return;
        expect(first.channel).not.toBe(second.channel);
      }),
    );
  });
});
