/**
 * The generic cell rate algorithm (ITU-T I.371): one number of state per client. `takeAt` returns the new state,
 * or undefined where the request comes too early.
 */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;

  constructor(perSecond: number, burst: number) {
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
  }

  takeAt(nowMs: number, theoreticalArrivalMs: number): number | undefined {
    const arrival = Math.max(nowMs, theoreticalArrivalMs);
    if (arrival - nowMs > this.#toleranceMs) return undefined;
    return arrival + this.#intervalMs;
  }
}
