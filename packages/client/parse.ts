import { parseCursor } from "@shardcast/protocol/cursor";
import type { ServerMessage } from "@shardcast/protocol/messages";

/**
 * Reads what one frame of the server holds: a message, or a list of them. Fields that it does not know stay and are ignored;
 * undefined stands for what is no message of the protocol, types of a newer server included.
 */
export function parseServerMessages(frame: unknown): readonly (ServerMessage | undefined)[] {
  try {
    // What is no text becomes one that is no message.
    const value: unknown = JSON.parse(frame as string);
    const claimed: readonly ServerMessage[] = Array.isArray(value) && value.length > 0 ? value : [value];
    return claimed.map((each) => (isServerMessage(each) ? each : undefined));
  } catch {
    return [undefined];
  }
}

type Checks = {
  readonly [Type in ServerMessage["type"]]: (claimed: ServerMessage & { readonly type: Type }) => boolean;
};

/** Of each message what the client relies on, or hands on. Where a list or an object is none they throw, too. */
const CHECKS: Checks = {
  message: ({ channel, cursor, ts, data }) =>
    areTexts(channel, cursor) &&
    parseCursor(cursor) !== undefined &&
    typeof ts === "number" &&
    // Without it a message would be a tombstone to handlers that test for null loosely.
    data !== undefined,
  welcome: ({ pingIntervalMs }) => isDuration(pingIntervalMs) && pingIntervalMs > 0,
  subscribed: ({ id, mark, channels }) =>
    id > 0 &&
    areTexts(mark) &&
    channels.every(
      ({ channel, error }) => areTexts(channel) && (!error || areTexts(error.code, error.message)),
    ),
  unsubscribed: ({ id }) => id > 0,
  gap: ({ channel, after, through, reason }) => areTexts(channel, after, through, reason),
  reconnect: ({ afterMs }) => isDuration(afterMs),
  token_expiring: () => true,
  authenticated: ({ revoked = [] }) => areTexts(...revoked),
  pong: ({ mark = "" }) => areTexts(mark),
  error: ({ id, code, message }) => id !== 0 && areTexts(code, message),
};

function isServerMessage(claimed: ServerMessage): boolean {
  try {
    const { type } = claimed;
    // What objects inherit is no check, and never returns true.
    return (CHECKS[type] as undefined | ((claimed: ServerMessage) => boolean))?.(claimed) === true;
  } catch {
    return false;
  }
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === "string");
}

/** Timers take at most 2³¹ − 1 ms and fire at once beyond that. */
function isDuration(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 2 ** 31;
}
