import { CHANNEL_BYTES_MAX, isChannelName } from "@shardcast/protocol/channel";

export interface PublishItem {
  readonly channel: string;
  /** JSON text. */
  readonly data: string;
}

export interface Published {
  readonly channel: string;
  readonly cursor: string;
}

export class PublishError extends Error {
  override readonly name = "PublishError";
  readonly code: "bad_request" | "channel_invalid" | "unavailable";
  readonly status: 400 | 503;
  constructor(code: PublishError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = code === "unavailable" ? 503 : 400;
  }
}

/** Items of one batch: all of it is accepted, or none. */
const ITEMS_MAX = 10_000;

/** Throws a `PublishError` that says which item is wrong, and why. */
export function parsePublish(body: string): readonly PublishItem[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
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
  return items.map(parseItem);
}

function parseItem(item: unknown, index: number): PublishItem {
  if (typeof item !== "object" || item === null || !("channel" in item) || !("data" in item)) {
    throw new PublishError("bad_request", `item ${index} must be {"channel": …, "data": …}`);
  }
  const { channel, data } = item;
  if (typeof channel !== "string" || !isChannelName(channel)) {
    throw new PublishError(
      "channel_invalid",
      `item ${index}: a channel is dot-separated letters, digits and _:@$=+~-, at most ${CHANNEL_BYTES_MAX}`,
    );
  }
  return { channel, data: JSON.stringify(data) };
}
