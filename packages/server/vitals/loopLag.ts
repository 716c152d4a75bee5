const LOOK_MS = 50;

/** How late the event loop has run a timer, at most, since it was last asked. */
export class LoopLag {
  #lastMs = performance.now();
  #worstMs = 0;
  readonly #timer = setInterval(() => this.#look(), LOOK_MS).unref();

  worstSinceLast(): number {
    this.#look();
    const worstMs = this.#worstMs;
    this.#worstMs = 0;
    return worstMs;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    this.#worstMs = Math.max(this.#worstMs, nowMs - this.#lastMs - LOOK_MS);
    this.#lastMs = nowMs;
  }
}
