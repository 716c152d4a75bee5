/** Why an attempt or a connection is over, as far as it matters for where to go next. */
export type Ending =
  /** No connection came about. */
  | "failed"
  /** It was there, and its server or the way to it may be in trouble: it was silent, or broke soon. */
  | "doubtful"
  /** It lasted, or the server asked to come back: whoever answers there now will do. */
  | "good";

/**
 * Which of several addresses comes next. It stays with one that works. Attempts go in rounds, each address once: within
 * a round one follows another at once, and only before a new round there is something to wait for.
 */
export class Addresses {
  readonly urls: readonly string[];
  readonly #returnAfterMs: number;
  #at = 0;
  /** Attempts of this round that have failed. */
  #failed = 0;
  /** When the first address was given up last. */
  #leftFirstMs = 0;

  /** At least one URL, the preferred one first. It is given up for `returnAfterMs` at least. */
  constructor(urls: readonly string[], returnAfterMs: number) {
    this.urls = urls;
    this.#returnAfterMs = returnAfterMs;
  }

  get url(): string {
    return this.urls[this.#at] ?? "";
  }

  /** Goes on to the address for the next attempt; true where that may be made at once. `nowMs` never goes back. */
  next(ending: Ending, nowMs: number): boolean {
    if (ending !== "good") {
      if (this.#at === 0) this.#leftFirstMs = nowMs;
      this.#at = (this.#at + 1) % this.urls.length;
    }
    if (ending === "failed" && ++this.#failed < this.urls.length) return true;
    this.#failed = 0;
    if (nowMs - this.#leftFirstMs >= this.#returnAfterMs) this.#at = 0;
    return false;
  }
}
