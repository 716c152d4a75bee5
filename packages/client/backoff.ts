export interface BackoffOptions {
  /** The first delay is drawn from 0 to this, in ms. Default 500. */
  readonly minMs?: number;
  /** No delay is longer, in ms. Default 30,000. */
  readonly maxMs?: number;
}

/**
 * Exponential backoff with full jitter: each delay is drawn evenly from zero to a bound that doubles, so that clients
 * cut off together do not come back together.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  /** How many delays have been drawn since the last reset. */
  attempt = 0;

  /** `random` returns numbers from 0 (inclusive) to 1 (exclusive). */
  constructor(options: BackoffOptions, random: () => number) {
    this.#minMs = options.minMs ?? 500;
    this.#maxMs = options.maxMs ?? 30_000;
    this.#random = random;
  }

  nextDelayMs(): number {
    const boundMs = Math.min(this.#maxMs, this.#minMs * 2 ** this.attempt++);
    return this.#random() * boundMs;
  }

  /** For what happens to many clients at once and is no failure: drawn as the first delay is. */
  soonMs(): number {
    return this.#random() * this.#minMs;
  }

  reset(): void {
    this.attempt = 0;
  }
}
