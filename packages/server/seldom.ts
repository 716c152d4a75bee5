/** For what may be said at most once in a while, because somebody outside decides how often it happens. */
export class Seldom {
  readonly #everyMs: number;
  readonly #now: () => number;
  #nextMs = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(everyMs: number, now: () => number = () => performance.now()) {
    this.#everyMs = everyMs;
    this.#now = now;
  }

  /** How many times were left out since the last one; undefined where this one is to be left out too. */
  take(): number | undefined {
    const now = this.#now();
    if (now < this.#nextMs) {
      this.#unsaid += 1;
      return undefined;
    }
    this.#nextMs = now + this.#everyMs;
    const unsaid = this.#unsaid;
    this.#unsaid = 0;
    return unsaid;
  }
}
