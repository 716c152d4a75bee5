/**
 * The generic cell rate algorithm (ITU-T I.371): one number of state per client. By a clock that nobody can set back:
 * after that every request of a client would come too early, until the clock is where it was.
 */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  readonly #now: () => number;

  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
  }

  /** Returns the client's new state, or undefined where its request comes too early. The first state is 0. */
  take(theoreticalArrivalMs: number): number | undefined {
    const nowMs = this.#now();
    const arrival = Math.max(nowMs, theoreticalArrivalMs);
    if (arrival - nowMs > this.#toleranceMs) return undefined;
    return arrival + this.#intervalMs;
  }
}
