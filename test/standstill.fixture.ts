const LOOK_MS = 5;

/**
 * For how long this process stood still at most, as it does on a busy machine: whatever was to be done meanwhile, one
 * after the other, is done all at once after that.
 */
export class Standstill {
  #mostMs = 0;
  #seenMs = performance.now();
  readonly #timer = setInterval(() => {
    const nowMs = performance.now();
    this.#mostMs = Math.max(this.#mostMs, nowMs - this.#seenMs - LOOK_MS);
    this.#seenMs = nowMs;
  }, LOOK_MS);

  /** What comes in one second at most, where this process is to do so much of it in a second. */
  mostOf(perSecond: number): number {
    return perSecond * (1 + this.#mostMs / 1000);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
