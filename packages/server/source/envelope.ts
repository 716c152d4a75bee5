import { isUtf8 } from "node:buffer";
import { isJsonText } from "./jsonText.ts";

export interface EnvelopeHead {
  /** A valid channel name, which needs no escaping. */
  readonly channel: string;
  readonly streamId: string;
  readonly offset: number;
  /** In ms since 1970. */
  readonly timestampMs: number;
}

/**
 * Builds the JSON text that clients see, in UTF-8. A payload that is JSON is forwarded byte for byte; one that is
 * other UTF-8 text becomes a JSON string; anything else a JSON string of base64, marked so. A tombstone is `null`.
 * The envelope owns its bytes.
 */
export function buildEnvelope(head: EnvelopeHead, payload: Uint8Array | null): Uint8Array {
  const { channel, streamId, offset, timestampMs } = head;
  const start = `{"type":"message","channel":"${channel}","cursor":"${streamId}:${offset}","ts":${timestampMs},"data":`;
  if (payload === null) return Buffer.from(`${start}null}`);
  if (!isUtf8(payload)) {
    const base64 = viewOf(payload).toString("base64");
    return Buffer.from(`${start}"${base64}","encoding":"base64"}`);
  }
  if (!isJsonText(payload)) {
    return Buffer.from(`${start}${JSON.stringify(viewOf(payload).toString("utf8"))}}`);
  }
  const envelope = Buffer.allocUnsafe(start.length + payload.length + 1);
  envelope.write(start, 0, start.length, "latin1");
  envelope.set(payload, start.length);
  envelope[envelope.length - 1] = CLOSING_BRACE;
  return envelope;
}

const CLOSING_BRACE = 0x7d;

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
