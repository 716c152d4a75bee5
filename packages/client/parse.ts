import { parseCursor } from "@shardcast/protocol/cursor";
import type { ServerMessage } from "@shardcast/protocol/messages";

/**
 * Reads what one frame of the server holds: a message, or a list of them. Fields that it does not know stay and are ignored;
 * undefined stands for what is no message of the protocol, types of a newer server included.
 */
export function parseServerMessages(frame: unknown): ReadonlyArray<ServerMessage | undefined> {
  // What is no text becomes one that is no message.
  const value: unknown = attempt(JSON.parse, frame as string);
  const claimed: readonly ServerMessage[] = Array.isArray(value) ? value : [value];
  return claimed.map((each) => (attempt(isServerMessage, each) ? each : undefined));
}

type Checks = {
  readonly [Type in ServerMessage["type"]]: (claimed: ServerMessage & { readonly type: Type }) => boolean;
};

/** Of each message what the client relies on, or hands on. Where a list or an object is none they throw, too. */
const CHECKS: Checks = {
  message: ({ channel, cursor, ts, data }) =>
    isText(channel) &&
    isText(cursor) &&
    !!parseCursor(cursor) &&
    typeof ts === "number" &&
    // Without it a message would be a tombstone to handlers that test for null loosely.
    data !== undefined,
  welcome: ({ pingIntervalMs }) => isDuration(pingIntervalMs) && pingIntervalMs > 0,
  subscribed: ({ id, mark, channels }) =>
    id > 0 &&
    isText(mark) &&
    channels.every(
      ({ channel, error }) => isText(channel) && (!error || (isText(error.code) && isText(error.message))),
    ),
  unsubscribed: ({ id }) => id > 0,
  gap: ({ channel, after, through, reason }) => [channel, after, through, reason].every(isText),
  reconnect: ({ afterMs }) => isDuration(afterMs),
  token_expiring: () => true,
  authenticated: ({ revoked = [] }) => revoked.every(isText),
  pong: ({ mark = "" }) => isText(mark),
  error: ({ id, code, message }) => id !== 0 && isText(code) && isText(message),
};

function isServerMessage(claimed: ServerMessage): boolean {
  // What objects inherit is no check, and never returns true.
  return (CHECKS[claimed.type] as (claimed: ServerMessage) => boolean)(claimed) === true;
}

/** Undefined where it throws. */
function attempt<In, Out>(action: (value: In) => Out, value: In): Out | undefined {
  try {
    return action(value);
  } catch {
    return undefined;
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

/** Timers take at most 2³¹ − 1 ms and fire at once beyond that. */
function isDuration(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 2 ** 31;
}
