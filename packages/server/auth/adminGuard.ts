import { isIP } from "node:net";
import type { ApiKeys, Scope } from "./apiKeys.ts";

export interface AdminGuardOptions {
  /** Absent: everybody may who reaches the port. */
  readonly keys: ApiKeys | undefined;
  /** The name by which the port may be called, beside addresses and `localhost`. */
  readonly host: string;
  /** Somebody said that everybody may, by whatever name. */
  readonly insecure: boolean;
}

/** Why a request is refused, and the status of the answer. docs/http-api.md says what each means. */
export const GUARD_STATUSES = {
  host_invalid: 400,
  key_required: 401,
  key_invalid: 401,
  scope_missing: 403,
  origin_forbidden: 403,
  host_forbidden: 403,
} as const;

/** Decides who may ask the admin port for what. */
export class AdminGuard {
  readonly refused = {
    host_invalid: 0,
    key_required: 0,
    key_invalid: 0,
    scope_missing: 0,
    origin_forbidden: 0,
    host_forbidden: 0,
  };
  readonly #options: AdminGuardOptions;
  keys: ApiKeys | undefined;

  constructor(options: AdminGuardOptions) {
    this.#options = options;
    this.keys = options.keys;
  }

  /** The refusal, or undefined where the request may pass. */
  check(request: Request, url: URL, scope: Scope): Response | undefined {
    const origin = request.headers.get("origin");
    // A page elsewhere could otherwise publish by way of whoever looks at it and can reach this port.
    if (origin !== null && hostOf(origin) !== url.host) {
      return this.#refuse("origin_forbidden", "pages of another origin may not ask this port");
    }
    const { keys } = this;
    if (keys === undefined) return this.#checkHost(url);
    const given = keyOf(request);
    if (given === undefined) {
      return this.#refuse("key_required", "send an API key, as `Authorization: Bearer <key>` or `X-Api-Key`");
    }
    const key = keys.find(given);
    if (key === undefined) return this.#refuse("key_invalid", "this API key is not known here");
    if (key.scopes.has(scope) || key.scopes.has("admin")) return undefined;
    return this.#refuse("scope_missing", `the API key ${key.name} does not have the scope ${scope}`);
  }

  /** The answer to a request whose `Host` makes no address, whatever it asks for. */
  refuseHost(): Response {
    return this.#refuse("host_invalid", "the `Host` of this request makes no address, or there are several");
  }

  /** Without keys a page could give its own name this machine's address, and then be of the same origin. */
  #checkHost({ hostname }: URL): Response | undefined {
    const { host, insecure } = this.#options;
    const address = hostname.replace(/^\[|\]$/g, "");
    const isKnown = isIP(address) !== 0 || hostname === "localhost" || hostname === host.toLowerCase();
    if (insecure || isKnown) return undefined;
    return this.#refuse(
      "host_forbidden",
      "without API keys this port answers to addresses and localhost alone",
    );
  }

  #refuse(code: keyof typeof GUARD_STATUSES, message: string): Response {
    const status = GUARD_STATUSES[code];
    this.refused[code] += 1;
    const headers = status === 401 ? { "WWW-Authenticate": "Bearer" } : {};
    return Response.json({ error: { code, message } }, { status, headers });
  }
}

function keyOf(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  return bearer ?? request.headers.get("x-api-key") ?? undefined;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
