import { isChannelName, isChannelPattern } from "@shardcast/protocol/channel";
import { joinSince, type Since } from "@shardcast/protocol/mark";
import type { RequestErrorCode } from "@shardcast/protocol/messages";
import { type SubscriptionPolicy, servedRate } from "@shardcast/protocol/policies";

/** A client's message, checked. Channels keep their order and may hold names that are to be refused one by one. */
export type Request =
  | {
      readonly type: "subscribe";
      readonly id: number;
      readonly channels: readonly RequestedChannel[];
      readonly since: Since | undefined;
    }
  | { readonly type: "unsubscribe"; readonly id: number; readonly channels: readonly string[] }
  | { readonly type: "ping"; readonly id: number };

/** Answered when the token has been checked, whatever else is under way. */
export interface AuthRequest {
  readonly type: "auth";
  readonly id: number;
  readonly token: string;
}

export interface RequestedChannel {
  readonly channel: string;
  readonly snapshot: boolean;
  readonly valid: boolean;
  /** Undefined: what was asked for is none. */
  readonly policy: SubscriptionPolicy | undefined;
}

export interface Refusal {
  readonly type: "refused";
  readonly id: number | undefined;
  readonly code: RequestErrorCode;
  readonly message: string;
}

/** Entries of one `since`. The SDK sends one mark and the newer cursors: one per stream at most. */
const SINCE_ENTRIES_MAX = 4096;

export function parseRequest(text: string, channelsMax: number): Request | AuthRequest | Refusal {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse(undefined, "bad_request", "the message is not JSON");
  }
  if (!isObject(value)) return refuse(undefined, "bad_request", "the message is not a JSON object");
  const id = value["id"];
  if (typeof id !== "number" || !Number.isSafeInteger(id)) {
    return refuse(undefined, "bad_request", "`id` must be an integer: the answer carries the same");
  }
  switch (value["type"]) {
    case "subscribe":
      return parseSubscribe(id, value, channelsMax);
    case "unsubscribe":
      return parseUnsubscribe(id, value, channelsMax);
    case "ping":
      return { type: "ping", id };
    case "auth": {
      const { token } = value;
      if (typeof token !== "string") return refuse(id, "bad_request", "`token` must be a text");
      return { type: "auth", id, token };
    }
    default:
      return refuse(id, "unknown_type", "`type` must be subscribe, unsubscribe, ping or auth");
  }
}

function parseSubscribe(id: number, value: Record<string, unknown>, channelsMax: number): Request | Refusal {
  const list = listOf(value["channels"], channelsMax);
  if (typeof list === "string") return refuse(id, "bad_request", list);
  const channels: RequestedChannel[] = [];
  const seen = new Map<string, RequestedChannel["policy"]>();
  for (const item of list) {
    const channel = isObject(item) ? item["channel"] : item;
    if (typeof channel !== "string") {
      return refuse(id, "bad_request", "each of `channels` must be a name or an object with a `channel`");
    }
    const policy = isObject(item) ? policyOf(item) : "lossless";
    if (seen.has(channel)) {
      if (seen.get(channel) === policy) continue;
      return refuse(id, "bad_request", `\`channels\` asks for ${quote(channel)} with two different policies`);
    }
    seen.set(channel, policy);
    const snapshot = isObject(item) && item["snapshot"] === true;
    channels.push({ channel, snapshot, valid: isChannelName(channel) || isChannelPattern(channel), policy });
  }
  const since = parseSince(value["since"]);
  if (typeof since === "string") return refuse(id, "since_invalid", since);
  return { type: "subscribe", id, channels, since };
}

/** A `maxRate` means `latest`, which may stand beside it. */
function policyOf(item: Record<string, unknown>): SubscriptionPolicy | undefined {
  const { policy = null, maxRate = null } = item;
  if (maxRate !== null) {
    const isLatest = policy === null || policy === "latest";
    return isLatest && typeof maxRate === "number" ? servedRate(maxRate) : undefined;
  }
  if (policy === null) return "lossless";
  return policy === "lossless" || policy === "latest" ? policy : undefined;
}

function parseSince(value: unknown): Since | undefined | string {
  if (value === undefined || value === null) return undefined;
  const entries: unknown[] | undefined =
    typeof value === "string" ? [value] : Array.isArray(value) ? value : undefined;
  if (entries === undefined || entries.length > SINCE_ENTRIES_MAX) {
    return `\`since\` must be a list of at most ${SINCE_ENTRIES_MAX} marks and cursors`;
  }
  if (!entries.every((entry) => typeof entry === "string"))
    return "`since` must hold strings: marks and cursors";
  if (entries.length === 0) return undefined;
  const joined = joinSince(entries);
  return "invalid" in joined
    ? `\`since\` holds what is neither a mark nor a cursor: ${quote(joined.invalid)}`
    : joined;
}

function parseUnsubscribe(
  id: number,
  value: Record<string, unknown>,
  channelsMax: number,
): Request | Refusal {
  const list = listOf(value["channels"], channelsMax);
  if (typeof list === "string") return refuse(id, "bad_request", list);
  if (!list.every((item) => typeof item === "string")) {
    return refuse(id, "bad_request", "each of `channels` must be a name");
  }
  return { type: "unsubscribe", id, channels: [...new Set(list)] };
}

/** The list, or what is wrong with it. */
function listOf(value: unknown, max: number): unknown[] | string {
  if (!Array.isArray(value) || value.length === 0) return "`channels` must be a list with at least one entry";
  if (value.length > max)
    return `\`channels\` has ${value.length} entries, ${max} are allowed in one request`;
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a client sent is quoted back to it shortened, so that an answer can not be larger than its limit. */
function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function refuse(id: number | undefined, code: RequestErrorCode, message: string): Refusal {
  return { type: "refused", id, code, message };
}
