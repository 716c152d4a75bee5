// What the types of packages/protocol and the gateway's tables say, as values. The compiler holds both together: a message,
// field, code or reason that is added there, or taken away, does not compile here until it stands here too.
import { CLOSE_CODES } from "../../packages/protocol/closeCodes.ts";
import type {
  ClientMessage,
  GapReason,
  RequestErrorCode,
  ServerMessage,
  SubscribedChannel,
  SubscribeItem,
} from "../../packages/protocol/messages.ts";
import { RATES } from "../../packages/protocol/policies.ts";
import type { AccessRefusal } from "../../packages/server/auth/access.ts";
import type { DepartureReason } from "../../packages/server/gateway/departures.ts";
import { noRefusals, type RefusalCode, refusalResponse } from "../../packages/server/gateway/refusals.ts";

export type Presence = "required" | "optional";

/** Each field of a type but `type` itself, and whether it may be absent. */
type Fields<T> = {
  readonly [Field in Exclude<keyof T, "type">]-?: Partial<Pick<T, Field>> extends Pick<T, Field>
    ? "optional"
    : "required";
};

export interface MessageEntry {
  readonly fields: Readonly<Record<string, Presence>>;
  /** The fields of the objects in a list of the message, where it has one. */
  readonly items?: { readonly of: string; readonly fields: Readonly<Record<string, Presence>> };
}

type Entries<Message extends { readonly type: string }> = {
  readonly [Type in Message["type"]]: MessageEntry & {
    readonly fields: Fields<Extract<Message, { readonly type: Type }>>;
  };
};

const SUBSCRIBE_ITEM = {
  channel: "required",
  snapshot: "optional",
  policy: "optional",
  maxRate: "optional",
} as const satisfies Fields<Exclude<SubscribeItem, string>>;

const SUBSCRIBED_CHANNEL = {
  channel: "required",
  recovered: "optional",
  policy: "optional",
  maxRate: "optional",
  error: "optional",
} as const satisfies Fields<SubscribedChannel>;

export const CLIENT_MESSAGES: Readonly<Record<string, MessageEntry>> = {
  subscribe: {
    fields: { id: "required", channels: "required", since: "optional" },
    items: { of: "channels", fields: SUBSCRIBE_ITEM },
  },
  unsubscribe: { fields: { id: "required", channels: "required" } },
  ping: { fields: { id: "required" } },
  auth: { fields: { id: "required", token: "required" } },
} satisfies Entries<ClientMessage>;

export const SERVER_MESSAGES: Readonly<Record<string, MessageEntry>> = {
  welcome: {
    fields: {
      instance: "required",
      shard: "required",
      session: "required",
      pingIntervalMs: "required",
      encoding: "optional",
    },
  },
  subscribed: {
    fields: { id: "required", mark: "required", channels: "required" },
    items: { of: "channels", fields: SUBSCRIBED_CHANNEL },
  },
  message: {
    fields: {
      channel: "required",
      cursor: "required",
      ts: "required",
      data: "required",
      encoding: "optional",
      snapshot: "optional",
    },
  },
  unsubscribed: { fields: { id: "required", channels: "required" } },
  gap: { fields: { channel: "required", after: "required", through: "required", reason: "required" } },
  reconnect: { fields: { afterMs: "required", reason: "required" } },
  pong: { fields: { id: "required", mark: "optional" } },
  token_expiring: { fields: { expiresInMs: "required" } },
  authenticated: { fields: { id: "required", expiresAtMs: "required", revoked: "optional" } },
  error: { fields: { id: "optional", code: "required", message: "required" } },
} satisfies Entries<ServerMessage>;

const GAP_REASONS = {
  retention: true,
  truncated: true,
  unreadable: true,
  gone: true,
} satisfies Record<GapReason, true>;

const DEPARTURES = { draining: true, rebalancing: true } satisfies Record<DepartureReason, true>;

const ERROR_CODES = {
  bad_request: true,
  unknown_type: true,
  too_many_requests: true,
  too_many_subscriptions: true,
  subscriptions_full: true,
  channel_invalid: true,
  channel_forbidden: true,
  policy_invalid: true,
  policy_conflict: true,
  since_invalid: true,
  token_invalid: true,
  token_expired: true,
  auth_unavailable: true,
  internal: true,
} satisfies Record<RequestErrorCode, true>;

const TOKEN_REFUSALS = {
  token_required: 401,
  token_invalid: 401,
  token_expired: 401,
  auth_unavailable: 503,
} satisfies Record<AccessRefusal["code"], AccessRefusal["status"]>;

export interface Catalogue {
  readonly clientMessages: Readonly<Record<string, MessageEntry>>;
  readonly serverMessages: Readonly<Record<string, MessageEntry>>;
  readonly errorCodes: readonly string[];
  readonly gapReasons: readonly string[];
  readonly departureReasons: readonly string[];
  /** Code and whether to come back. */
  readonly closeCodes: ReadonlyArray<readonly [code: string, comeBack: string]>;
  /** Code and status of a refused handshake. */
  readonly refusals: ReadonlyArray<readonly [code: string, status: string]>;
  readonly rates: readonly string[];
}

export function catalogue(): Catalogue {
  const refused = (Object.keys(noRefusals()) as RefusalCode[]).map(
    (code) => [code, refusalResponse(code, 10).status] as const,
  );
  return {
    clientMessages: CLIENT_MESSAGES,
    serverMessages: SERVER_MESSAGES,
    errorCodes: Object.keys(ERROR_CODES),
    gapReasons: Object.keys(GAP_REASONS),
    departureReasons: Object.keys(DEPARTURES),
    closeCodes: Object.values(CLOSE_CODES).map(({ code, comeBack }) => [`${code}`, comeBack ? "yes" : "no"]),
    refusals: [...refused, ...Object.entries(TOKEN_REFUSALS)].map(([code, status]) => [code, `${status}`]),
    rates: RATES.map(String),
  };
}
