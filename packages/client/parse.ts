import { parseCursor } from "@shardcast/protocol/cursor";
import type { ServerMessage } from "@shardcast/protocol/messages";

/**
 * Reads what one frame of the server holds: a message, or a list of them. Fields that it does not know stay and are ignored;
 * undefined stands for what is no message of the protocol, types of a newer server included.
 */
export function parseServerMessages(text: unknown): readonly (ServerMessage | undefined)[] {
  if (typeof text !== "string") return NO_MESSAGE;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What is no JSON is no message; the caller reports it.
    return NO_MESSAGE;
  }
  const values: readonly unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
  return values.map((each) => (isServerMessage(each) ? each : undefined));
}

const NO_MESSAGE = [undefined];

function isServerMessage(value: unknown): value is ServerMessage {
  if (!isObject(value)) return false;
  switch (value["type"]) {
    case "message":
      return isDataMessage(value);
    case "welcome":
      return isDuration(value["pingIntervalMs"]) && value["pingIntervalMs"] > 0;
    case "subscribed":
      return (
        isNumber(value["id"]) && isString(value["mark"]) && isListOf(value["channels"], isSubscribedChannel)
      );
    case "unsubscribed":
      return isNumber(value["id"]) && isListOf(value["channels"], isString);
    case "gap":
      return [value["channel"], value["after"], value["through"], value["reason"]].every(isString);
    case "reconnect":
      return isDuration(value["afterMs"]);
    case "token_expiring":
      return isDuration(value["expiresInMs"]);
    case "authenticated":
      return (
        isNumber(value["id"]) && (value["revoked"] === undefined || isListOf(value["revoked"], isString))
      );
    case "pong":
      return isNumber(value["id"]) && (value["mark"] === undefined || isString(value["mark"]));
    case "error":
      return (value["id"] === undefined || isNumber(value["id"])) && isRequestError(value);
    default:
      return false;
  }
}

function isDataMessage(value: Record<string, unknown>): boolean {
  return (
    isString(value["channel"]) &&
    isString(value["cursor"]) &&
    parseCursor(value["cursor"]) !== undefined &&
    isNumber(value["ts"]) &&
    // Without `data` a message would be a tombstone to handlers that test for null loosely.
    value["data"] !== undefined
  );
}

function isSubscribedChannel(value: unknown): boolean {
  return (
    isObject(value) &&
    isString(value["channel"]) &&
    (value["error"] === undefined || (isObject(value["error"]) && isRequestError(value["error"])))
  );
}

function isRequestError(value: Record<string, unknown>): boolean {
  return isString(value["code"]) && isString(value["message"]);
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

/** Timers take at most 2³¹ − 1 ms and fire at once beyond that. */
function isDuration(value: unknown): value is number {
  return isNumber(value) && value >= 0 && value < 2 ** 31;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
