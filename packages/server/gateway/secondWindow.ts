/** At most so many in any one second, wherever that second begins: the times of the last ones are kept, in a ring. */
export class SecondWindow {
  readonly #times: Float64Array;
  readonly #now: () => number;
  #next = 0;

  constructor(countMax: number, now: () => number) {
    this.#times = new Float64Array(countMax).fill(Number.NEGATIVE_INFINITY);
    this.#now = now;
  }

  /** Takes one, or says that it is one too many. */
  take(): boolean {
    const nowMs = this.#now();
    const countBefore = this.#times[this.#next];
    if (countBefore === undefined || nowMs - countBefore < 1000) return false;
    this.#times[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#times.length;
    return true;
  }
}
