/** Decides whether a handshake may become a connection. Clients that are connected are never sacrificed for new ones. */
export class Admission {
  readonly #allowedOrigins: readonly string[];
  /** How many clients this shard may hold: the supervisor shares the instance's cap out among its shards. */
  permits: number;
  accepting = true;
  readonly #servesClients: boolean;
  readonly refused: Record<RefusalCode, number> = {
    origin_forbidden: 0,
    instance_full: 0,
    draining: 0,
    no_clients: 0,
  };

  /** `servesClients` is false where the instance only ingests. */
  constructor(allowedOrigins: readonly string[], permits: number, servesClients = true) {
    this.#allowedOrigins = allowedOrigins;
    this.permits = permits;
    this.#servesClients = servesClients;
  }

  check(request: Request, connections: number): AdmissionRefusal | undefined {
    const refusal = this.#refusal(request, connections);
    if (refusal !== undefined) this.refused[refusal.code] += 1;
    return refusal;
  }

  #refusal(request: Request, connections: number): AdmissionRefusal | undefined {
    const origin = request.headers.get("origin");
    // Only browsers send an Origin; what sends none is not a page that somebody was lured to.
    if (origin !== null && !this.#allowedOrigins.some((allowed) => originMatches(allowed, origin))) {
      return {
        status: 403,
        code: "origin_forbidden",
        message: `pages of ${origin.slice(0, 200)} may not connect here`,
      };
    }
    if (!this.#servesClients) return { status: 503, code: "no_clients", message: NO_CLIENTS };
    if (!this.accepting)
      return { status: 503, code: "draining", message: "this instance is being taken out" };
    if (connections >= this.permits) {
      return { status: 503, code: "instance_full", message: "this instance holds as many clients as it may" };
    }
    return undefined;
  }
}

export type RefusalCode = "origin_forbidden" | "instance_full" | "draining" | "no_clients";

const NO_CLIENTS = "this instance only ingests (--role ingest): connect to one that serves clients";

export interface AdmissionRefusal {
  readonly status: 403 | 503;
  readonly code: RefusalCode;
  readonly message: string;
}

/** Seconds; jittered, so that everybody who was refused at once does not come back at once. */
const RETRY_AFTER_S = { min: 2, max: 10 };

export function refusalResponse({ status, code, message }: AdmissionRefusal, random = Math.random): Response {
  const body = { error: { code, message } };
  if (status === 403) return Response.json(body, { status });
  const retryAfter = Math.round(RETRY_AFTER_S.min + random() * (RETRY_AFTER_S.max - RETRY_AFTER_S.min));
  return Response.json(body, { status, headers: { "Retry-After": String(retryAfter) } });
}

/** `*` allows all; `https://*.example.com` allows the subdomains of example.com. */
export function originMatches(allowed: string, origin: string): boolean {
  if (allowed === "*" || allowed === origin) return true;
  const [scheme, host] = allowed.split("://*.");
  return host !== undefined && origin.startsWith(`${scheme}://`) && origin.endsWith(`.${host}`);
}
