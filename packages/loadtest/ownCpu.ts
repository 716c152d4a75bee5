/** A shorter time would tell of the clock's ticks, not of the load. */
const ELAPSED_MS_MIN = 500;

/** How much of one core this process takes, from one asking to the next. */
export class OwnCpu {
  #beforeMs = performance.now();
  #beforeUs = this.totalUs;
  #share = 0;

  /** Since the process started. */
  get totalUs(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  }

  /** 1 is all of a core; asked again too soon, what it was before. */
  sinceLast(): number {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#beforeMs;
    if (elapsedMs > ELAPSED_MS_MIN) {
      const { totalUs } = this;
      this.#share = (totalUs - this.#beforeUs) / 1000 / elapsedMs;
      this.#beforeMs = nowMs;
      this.#beforeUs = totalUs;
    }
    return this.#share;
  }
}
