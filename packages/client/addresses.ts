/**
 * Which of several addresses comes next. It stays with one that works. Attempts go in rounds, each address once: within
 * a round one follows another at once, and only before a new round there is something to wait for.
 */
export class Addresses {
  readonly #urls: readonly string[];
  readonly #returnAfterMs: number;
  #at = 0;
  /** Attempts of this round that have failed. */
  #failed = 0;
  /** When the first address was given up last. */
  #leftFirstMs = 0;
  #instance: string | undefined;
  /** It holds too many clients. An address that leads to it again is its own, and no load balancer's. */
  #fullInstance: string | undefined;

  /** At least one URL, the preferred one first. It is given up for `returnAfterMs` at least. */
  constructor(urls: readonly string[], returnAfterMs: number) {
    this.#urls = urls;
    this.#returnAfterMs = returnAfterMs;
  }

  get url(): string | undefined {
    return this.#urls[this.#at];
  }

  /** The server asks to leave. */
  sentAway(reason: string): void {
    this.#fullInstance = reason === "rebalancing" && this.#urls.length > 1 ? this.#instance : undefined;
  }

  /** This instance has answered; returns whether it is the one that has just sent the client away. */
  welcomed(instance: string): boolean {
    const isBack = instance === this.#fullInstance;
    this.#fullInstance = undefined;
    this.#instance = instance;
    return isBack;
  }

  /**
   * An attempt has ended. Goes on to the address for the next one; true where that may be made at once. `hasServed` where the
   * connection lasted, or the server ended it in good order: whoever answers there now will do. Otherwise, or where it was
   * silent, its server or the way to it may be in trouble. `nowMs` never goes back.
   */
  next(cameAbout: boolean, isSilent: boolean, hasServed: boolean, nowMs: number): boolean {
    if (!cameAbout || isSilent || !hasServed) {
      if (this.#at === 0) this.#leftFirstMs = nowMs;
      this.#at = (this.#at + 1) % this.#urls.length;
    }
    if (!cameAbout && ++this.#failed < this.#urls.length) return true;
    this.#failed = 0;
    if (nowMs - this.#leftFirstMs >= this.#returnAfterMs) this.#at = 0;
    return false;
  }
}
