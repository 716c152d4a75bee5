import { Addresses } from "./addresses.ts";
import type { ConnectOptions } from "./options.ts";
import { askToken } from "./token.ts";

/**
 * Where the next attempt goes, and with which token, for clients that have several addresses or a function for tokens. A module
 * of its own, loaded by those alone.
 */
export class Access extends Addresses {
  /** Whether there may be another token than before. */
  readonly isRenewable: boolean;
  readonly #options: ConnectOptions;
  readonly #life: AbortSignal;

  constructor(urls: readonly string[], options: ConnectOptions, life: AbortSignal) {
    super(urls, options.returnAfterMs ?? 300_000);
    this.isRenewable = typeof options.token === "function";
    this.#options = options;
    this.#life = life;
  }

  async token(): Promise<string | undefined> {
    const { token } = this.#options;
    return typeof token === "function" ? await askToken(token, this.#options, this.#life) : token;
  }
}
