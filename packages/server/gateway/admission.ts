import type { AcceptRate } from "./acceptRate.ts";
import type { ClientAddress, ClientAddresses } from "./clientAddress.ts";
import { Crowd } from "./crowd.ts";
import { noRefusals, type RefusalCode } from "./refusals.ts";

export interface AdmissionOptions {
  readonly allowedOrigins: readonly string[];
  /** How many clients this shard may hold: the supervisor shares the instance's cap out among its shards. */
  readonly permits: number;
  /** False where the instance only ingests. */
  readonly servesClients: boolean;
  readonly rate: AcceptRate;
  readonly addresses: ClientAddresses;
}

/** Decides whether a handshake may become a connection. Clients that are connected are never sacrificed for new ones. */
export class Admission {
  readonly #options: AdmissionOptions;
  permits: number;
  accepting = true;
  /** Why the instance as a whole takes nobody new now, as its supervisor has told. */
  pressure: Pressure | undefined;
  /** Handshakes that were let in, whether a token held or not. */
  admitted = 0;
  readonly refused = noRefusals();
  readonly #crowd: Crowd;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.permits = options.permits;
    this.#crowd = new Crowd(options.rate.perSecond);
  }

  get rate(): AcceptRate {
    return this.#options.rate;
  }

  get addresses(): ClientAddresses {
    return this.#options.addresses;
  }

  check(request: Request, address: ClientAddress | undefined, load: GatewayLoad): RefusalCode | undefined {
    const origin = request.headers.get("origin");
    // Only browsers send an Origin; what sends none is not a page that somebody was lured to.
    if (origin !== null && !this.allowsOrigin(origin)) return this.refuse("origin_forbidden");
    const lack = this.checkAgain(load);
    if (lack !== undefined) return lack;
    // Last, because it counts: what is refused for another reason uses nothing up.
    const beyond = this.rate.take(address);
    if (beyond === "address") return this.refuse("address_rate");
    if (beyond === "instance") return this.refuseCrowd();
    this.admitted += 1;
    return undefined;
  }

  allowsOrigin(origin: string): boolean {
    return this.#options.allowedOrigins.some((allowed) => originMatches(allowed, origin));
  }

  /** Whether there is still room for a handshake that was let in, and whose token has been looked at meanwhile. */
  checkAgain({ connections, subscriptionsLeft }: GatewayLoad): RefusalCode | undefined {
    if (!this.#options.servesClients) return this.refuse("no_clients");
    if (!this.accepting) return this.refuse("draining");
    if (this.pressure !== undefined) return this.refuse(this.pressure);
    if (connections >= this.permits) return this.refuse("instance_full");
    if (subscriptionsLeft <= 0) return this.refuse("subscriptions_full");
    return undefined;
  }

  /** Seconds within which those who are refused now shall come back. */
  get comeBackWithinS(): number {
    return this.#crowd.withinS;
  }

  /** One of more than can be let in now: the others of them are to come back later by so much. */
  refuseCrowd(): RefusalCode {
    this.#crowd.refused();
    return this.refuse("accept_rate");
  }

  /** Counts. */
  refuse(code: RefusalCode): RefusalCode {
    this.refused[code] += 1;
    return code;
  }
}

export interface GatewayLoad {
  readonly connections: number;
  readonly subscriptionsLeft: number;
}

/** What ails a whole instance while it still serves those who are in. */
export type Pressure = Extract<RefusalCode, "saturated" | "memory_full">;

/** `*` allows all; `https://*.example.com` allows the subdomains of example.com. */
function originMatches(allowed: string, origin: string): boolean {
  if (allowed === "*" || allowed === origin) return true;
  const [scheme, host] = allowed.split("://*.");
  return host !== undefined && origin.startsWith(`${scheme}://`) && origin.endsWith(`.${host}`);
}
