import { isUtf8 } from "node:buffer";
import { CHANNEL_BYTES_MAX, isChannelName } from "@shardcast/protocol/channel";
import { INVALID, JSON_DEPTH_MAX, skipSpace, skipString, skipValue } from "../source/jsonText.ts";

export interface PublishItem {
  readonly channel: string;
  /** JSON text, byte for byte as the publisher wrote it: a view of the request's body. */
  readonly data: Uint8Array;
}

export interface Published {
  readonly channel: string;
  readonly cursor: string;
}

/** Why nothing was published, and the status of the answer. docs/http-api.md says what each means. */
export const STATUSES = {
  bad_request: 400,
  channel_invalid: 400,
  payload_too_large: 413,
  /** Kafka does not have the topic to publish to. */
  publish_topic_missing: 503,
  unavailable: 503,
} as const;

export class PublishError extends Error {
  override readonly name = "PublishError";
  readonly code: keyof typeof STATUSES;
  readonly status: (typeof STATUSES)[keyof typeof STATUSES];
  constructor(code: PublishError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = STATUSES[code];
  }
}

/** Items of one batch: all of it is accepted, or none. */
const ITEMS_MAX = 10_000;

/** Bytes of one request's body. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Bytes of one item's `data`: what Kafka's brokers usually take. */
const DATA_BYTES_MAX = 1024 * 1024;

/**
 * Finds the items of a body. `data` is not read, only found: what a parser does to it (integers beyond 2^53, `1.0`,
 * repeated names) is not ours to do. Throws a `PublishError` that says which item is wrong, and why.
 */
export function parsePublish(body: Uint8Array): readonly PublishItem[] {
  if (!isUtf8(body)) throw new PublishError("bad_request", "the body is not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(textOf(body));
  } catch (error) {
    throw new PublishError(
      "bad_request",
      `the body is not JSON: ${error instanceof Error ? error.message : ""}`,
    );
  }
  const items: unknown[] = Array.isArray(value) ? value : [value];
  if (items.length === 0) throw new PublishError("bad_request", "the batch is empty");
  if (items.length > ITEMS_MAX) {
    throw new PublishError("bad_request", `the batch has ${items.length} items, ${ITEMS_MAX} are allowed`);
  }
  const channels = items.map(channelOf);
  // From here on the body is known to be JSON of this shape, so only what is too deep is not found.
  const published: PublishItem[] = [];
  let at = skipSpace(body, 0);
  if (Array.isArray(value)) at = skipSpace(body, at + 1);
  for (const [index, channel] of channels.entries()) {
    const { data, end } = dataOf(body, at, index);
    if (data.length > DATA_BYTES_MAX) {
      const message = `the data of item ${index} has ${data.length} bytes, ${DATA_BYTES_MAX} are allowed`;
      throw new PublishError("payload_too_large", message);
    }
    published.push({ channel, data });
    // Over the comma, or the end of the batch.
    at = skipSpace(body, skipSpace(body, end) + 1);
  }
  return published;
}

function channelOf(item: unknown, index: number): string {
  if (typeof item !== "object" || item === null || !("channel" in item) || !("data" in item)) {
    throw new PublishError("bad_request", `item ${index} must be {"channel": …, "data": …}`);
  }
  const { channel } = item;
  if (typeof channel !== "string" || !isChannelName(channel)) {
    throw new PublishError(
      "channel_invalid",
      `item ${index}: a channel is dot-separated letters, digits and _:@$=+~-, at most ${CHANNEL_BYTES_MAX}`,
    );
  }
  return channel;
}

/** Of the object that begins at `start`: its `data`, the last one where there are several, as parsers have it. */
function dataOf(body: Uint8Array, start: number, index: number): { data: Uint8Array; end: number } {
  let data: Uint8Array | undefined;
  let at = skipSpace(body, start + 1);
  while (body[at] === QUOTE) {
    const nameEnd = skipString(body, at);
    const isData = JSON.parse(textOf(body.subarray(at, nameEnd))) === "data";
    const valueStart = skipSpace(body, skipSpace(body, nameEnd) + 1);
    const valueEnd = skipValue(body, valueStart);
    if (valueEnd === INVALID) {
      const message = `item ${index} nests deeper than ${JSON_DEPTH_MAX} arrays and objects`;
      throw new PublishError("bad_request", message);
    }
    if (isData) data = body.subarray(valueStart, valueEnd);
    at = skipSpace(body, valueEnd);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  if (data === undefined) throw new Error(`item ${index} lost its data`);
  return { data, end: at + 1 };
}

const QUOTE = 0x22;
const COMMA = 0x2c;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
