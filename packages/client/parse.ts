import { parseCursor } from "@shardcast/protocol/cursor";
import type { ServerMessage } from "@shardcast/protocol/messages";

/**
 * Reads what one frame of the server holds: a message, or a list of them. Fields that it does not know stay and are ignored;
 * undefined stands for what is no message of the protocol, types of a newer server included.
 */
export function parseServerMessages(text: unknown): readonly (ServerMessage | undefined)[] {
  let value: unknown;
  try {
    // What is not even text is no JSON either.
    value = typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    // What is no JSON is no message; the caller reports it.
  }
  const values: readonly unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
  return values.map((each) => (isServerMessage(each) ? each : undefined));
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";
/** Timers take at most 2³¹ − 1 ms and fire at once beyond that. */
const isDuration: Check = (value) => Number(value) >= 0 && Number(value) < 2 ** 31 && isNumber(value);
const isCursor: Check = (value) => typeof value === "string" && parseCursor(value) !== undefined;
const isError = objectOf({ code: isText, message: isText });
const isChannelList = listOf(objectOf({ channel: isText, error: optional(isError) }));

const MESSAGES: ReadonlyMap<unknown, Check> = new Map([
  // Without `data` a message would be a tombstone to handlers that test for null loosely.
  [
    "message",
    objectOf({ channel: isText, cursor: isCursor, ts: isNumber, data: (data) => data !== undefined }),
  ],
  ["welcome", objectOf({ pingIntervalMs: (value) => isDuration(value) && value !== 0 })],
  ["subscribed", objectOf({ id: isNumber, mark: isText, channels: isChannelList })],
  ["unsubscribed", objectOf({ id: isNumber, channels: listOf(isText) })],
  ["gap", objectOf({ channel: isText, after: isText, through: isText, reason: isText })],
  ["reconnect", objectOf({ afterMs: isDuration })],
  ["token_expiring", objectOf({ expiresInMs: isDuration })],
  ["authenticated", objectOf({ id: isNumber, revoked: optional(listOf(isText)) })],
  ["pong", objectOf({ id: isNumber, mark: optional(isText) })],
  ["error", (value) => isError(value) && objectOf({ id: optional(isNumber) })(value)],
]);

function isServerMessage(value: unknown): value is ServerMessage {
  return MESSAGES.get((value as { readonly type?: unknown } | null | undefined)?.type)?.(value) === true;
}

function objectOf(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    checks.every(([name, check]) => check((value as Readonly<Record<string, unknown>>)[name]));
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}
