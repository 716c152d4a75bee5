const EVERY_MS = 100;

/** How late this process comes to its timers: what is added to each of its measurements. */
export class TimerLag {
  #dueMs = performance.now() + EVERY_MS;
  #mostMs = 0;
  readonly #timer: Timer;

  constructor() {
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#mostMs = Math.max(this.#mostMs, nowMs - this.#dueMs);
      this.#dueMs = nowMs + EVERY_MS;
    }, EVERY_MS);
  }

  /** The most since the last asking, in ms. */
  sinceLast(): number {
    const mostMs = this.#mostMs;
    this.#mostMs = 0;
    return mostMs;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
