import { describe, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import fc from "fast-check";
import { buildEnvelope } from "./envelope.ts";
import { JSON_DEPTH_MAX } from "./jsonText.ts";

const head = { channel: "BTC.trade", streamId: "k3f9abc", offset: 991, timestampMs: 1764000000000 };

function read(payload: Uint8Array | null): DataMessage {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(buildEnvelope(head, payload)));
}

describe("the envelope", () => {
  test("it names channel, cursor and time", () => {
    expect(read(Buffer.from('{"price":1}'))).toEqual({
      type: "message",
      channel: "BTC.trade",
      cursor: "k3f9abc:991",
      ts: 1764000000000,
      data: { price: 1 },
    });
  });

  test("a JSON payload is forwarded byte for byte", () => {
    const payload = '{ "a" : 1.10,\n "a":12345678901234567890, "b": "\\u00e9é" }';
    const envelope = Buffer.from(buildEnvelope(head, Buffer.from(payload))).toString();
    expect(envelope.endsWith(`"data":${payload}}`)).toBe(true);
  });

  test("a tombstone is null", () => {
    expect(read(null).data).toBeNull();
  });

  test("an empty payload is an empty string", () => {
    expect(read(new Uint8Array(0)).data).toBe("");
  });

  test("text that is not JSON becomes a JSON string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const payload = Buffer.from(`x${text}`);
        const message = read(payload);
        expect(message.data).toBe(payload.toString());
        expect(message.encoding).toBeUndefined();
      }),
    );
  });

  test("a byte order mark stays in the string", () => {
    expect(read(Buffer.from("\ufeff{}")).data).toBe("\ufeff{}");
  });

  test("any bytes come back, as JSON, as text or as marked base64", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        const message = read(payload);
        const data = message.data;
        if (message.encoding === "base64") {
          expect(new Uint8Array(Buffer.from(String(data), "base64"))).toEqual(payload);
        } else {
          const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
          if (data !== text) expect(data).toEqual(JSON.parse(text));
        }
      }),
    );
  });

  test("a surrogate encoded in UTF-8 is not UTF-8 and comes as base64", () => {
    expect(read(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])).encoding).toBe("base64");
  });

  test("JSON that nests too deep for clients comes as a string", () => {
    const deep = "[".repeat(JSON_DEPTH_MAX + 1) + "]".repeat(JSON_DEPTH_MAX + 1);
    expect(read(Buffer.from(deep)).data).toBe(deep);
  });

  test("a payload that is a view of a larger buffer is read where it lies", () => {
    const large = Buffer.from('xx{"a":1}yy');
    expect(read(large.subarray(2, 9)).data).toEqual({ a: 1 });
    expect(read(large.subarray(0, 2)).data).toBe("xx");
  });
});
