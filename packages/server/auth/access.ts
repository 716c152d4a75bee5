import { Grant } from "./grant.ts";
import { tokenOf } from "./tokenOf.ts";
import type { TokenFault, TokenVerifier } from "./tokenVerifier.ts";

export interface AccessOptions {
  /** Absent: no token is looked at, and everybody is anonymous. */
  readonly verifier: TokenVerifier | undefined;
  /** What a client without a token may subscribe to. Empty: a token is required. */
  readonly anonymousChannels: readonly string[];
  /** How long before its expiry a client is told. */
  readonly warningMs: number;
  readonly leewayMs: number;
  /** Wall clock in ms since 1970. */
  readonly now: () => number;
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
}

export interface AccessRefusal {
  readonly status: 401 | 503;
  readonly code: TokenFault["code"] | "token_required";
  readonly message: string;
}

/** A count for each reason. */
export const NO_REFUSALS_OF_TOKENS: Readonly<Record<AccessRefusal["code"], number>> = {
  token_required: 0,
  token_invalid: 0,
  token_expired: 0,
  auth_unavailable: 0,
};

/** Decides who a client of this shard is. */
export class AccessControl {
  readonly refused: Record<AccessRefusal["code"], number> = { ...NO_REFUSALS_OF_TOKENS };
  /** Clients whose time was up. */
  expired = 0;
  refreshed = 0;
  readonly #options: AccessOptions;
  readonly #anonymous: Grant;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#anonymous = new Grant(options.anonymousChannels);
  }

  /** Returns at once where there is no token to check. */
  admit(request: Request, url: URL): Access | AccessRefusal | Promise<Access | AccessRefusal> {
    const { verifier } = this.#options;
    const token = verifier === undefined ? undefined : tokenOf(request, url);
    if (token === "ambiguous") {
      return this.#refuse({ code: "token_invalid", message: "the request holds several tokens: send one" });
    }
    if (token === undefined || verifier === undefined) {
      return this.#anonymous.isEmpty ? this.#refuse(TOKEN_REQUIRED) : new Access(this, this.#anonymous);
    }
    return verifier
      .verify(token)
      .then((found) => (found instanceof Grant ? new Access(this, found) : this.#refuse(found)));
  }

  async renew(token: string, before: Grant): Promise<Grant | TokenFault> {
    const { verifier } = this.#options;
    if (verifier === undefined) return { code: "token_invalid", message: "this server checks no tokens" };
    const found = await verifier.verify(token);
    if (!(found instanceof Grant)) return found;
    if (before.expiresAtMs !== undefined && found.subject !== before.subject) {
      return {
        code: "token_invalid",
        message: "the token is of another `sub`: open a connection of its own",
      };
    }
    this.refreshed += 1;
    return found;
  }

  /** Calls `warn` some time before the grant ends, and `end` when it has. Returns what cancels both. */
  watch(grant: Grant, warn: (expiresInMs: number) => void, end: () => void): () => void {
    const { expiresAtMs } = grant;
    if (expiresAtMs === undefined) return NOTHING_TO_CANCEL;
    const { warningMs, leewayMs, now, schedule } = this.#options;
    let cancel = NOTHING_TO_CANCEL;
    let isWarned = false;
    const wait = () => {
      const untilMs = expiresAtMs - (isWarned ? -leewayMs : warningMs) - now();
      if (untilMs > 0) {
        // Timers take no longer ones, and fire at once; and a clock that is set is noticed within the hour.
        cancel = schedule(Math.min(untilMs, WAIT_MS_MAX), wait);
      } else if (isWarned) {
        this.expired += 1;
        end();
      } else {
        isWarned = true;
        warn(Math.max(0, expiresAtMs - now()));
        wait();
      }
    };
    wait();
    return () => cancel();
  }

  #refuse(fault: TokenFault | typeof TOKEN_REQUIRED): AccessRefusal {
    this.refused[fault.code] += 1;
    return { ...fault, status: fault.code === "auth_unavailable" ? 503 : 401 };
  }
}

const WAIT_MS_MAX = 3_600_000;
/** One for all: there are very many clients without an expiry. */
const NOTHING_TO_CANCEL = (): void => {};

const TOKEN_REQUIRED = {
  code: "token_required",
  message:
    "connect with a token: as `Authorization: Bearer`, as subprotocol `shardcast.token.<token>`, or as `?token=`",
} as const;

/** What one client may do now. */
export class Access {
  readonly #control: AccessControl;
  #grant: Grant;
  #stop = NOTHING_TO_CANCEL;
  #isRenewing = false;

  constructor(control: AccessControl, grant: Grant) {
    this.#control = control;
    this.#grant = grant;
  }

  get expiresAtMs(): number | undefined {
    return this.#grant.expiresAtMs;
  }

  get isRenewing(): boolean {
    return this.#isRenewing;
  }

  allows(name: string): boolean {
    return this.#grant.allows(name);
  }

  begin(warn: (expiresInMs: number) => void, end: () => void): void {
    this.#stop();
    this.#stop = this.#control.watch(this.#grant, warn, end);
  }

  /** Takes another token in this one's place. Undefined: it holds from now on; call `begin` anew. */
  async renew(token: string): Promise<TokenFault | undefined> {
    this.#isRenewing = true;
    const found = await this.#control.renew(token, this.#grant);
    this.#isRenewing = false;
    if (!(found instanceof Grant)) return found;
    this.#grant = found;
    return undefined;
  }

  stop(): void {
    this.#stop();
  }
}
