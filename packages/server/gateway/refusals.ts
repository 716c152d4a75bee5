/**
 * Why a handshake is refused: 4xx for what this client would have to do otherwise, 503 for what another instance, or a
 * later time, can do better.
 */
const REFUSALS = {
  host_invalid: { status: 400, message: "the `Host` of this request makes no address" },
  upgrade_required: { status: 426, message: "connect to /ws with a WebSocket" },
  handshake_invalid: { status: 400, message: "this is no handshake of a WebSocket: see RFC 6455, 4.1" },
  subprotocol_unknown: { status: 400, message: "offer the subprotocol shardcast.v1, or none" },
  origin_forbidden: { status: 403, message: "pages of this origin may not connect here" },
  no_clients: {
    status: 503,
    message: "this instance only ingests (--role ingest): connect to one that serves clients",
  },
  draining: { status: 503, message: "this instance is being taken out" },
  saturated: { status: 503, message: "this instance has more work than it can do" },
  memory_full: { status: 503, message: "this instance has little memory left" },
  instance_full: { status: 503, message: "this instance holds as many clients as it may" },
  subscriptions_full: { status: 503, message: "this instance has as many subscriptions as it may" },
  accept_rate: { status: 503, message: "more clients come at once than this instance lets in" },
  address_rate: { status: 429, message: "more connections come from this address than may" },
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** A count for each reason. */
export function noRefusals(): Record<RefusalCode, number> {
  return Object.fromEntries(Object.keys(REFUSALS).map((code) => [code, 0])) as Record<RefusalCode, number>;
}

/** Where waiting helps, the answer says how long: a time drawn from 2 s to `withinS`, so that a crowd does not come back as one. */
export function refusalResponse(code: RefusalCode, withinS: number, random = Math.random): Response {
  const { status, message } = REFUSALS[code];
  const body = { error: { code, message } };
  if (status === 426) return Response.json(body, { status, headers: { Upgrade: "websocket" } });
  if (status !== 429 && status !== 503) return Response.json(body, { status });
  return Response.json(body, { status, headers: retryAfter(withinS, random) });
}

export function retryAfter(withinS: number, random = Math.random): { readonly "Retry-After": string } {
  return { "Retry-After": String(Math.round(RETRY_AFTER_MIN_S + random() * (withinS - RETRY_AFTER_MIN_S))) };
}

const RETRY_AFTER_MIN_S = 2;
