/** How much of one core this process has used, measured from one asking to the next. */
export class CpuShare {
  #cpu = process.cpuUsage();
  #atMs = performance.now();

  /** 1 is one core without a pause; more is possible, for a runtime has threads beside the event loop's. */
  sinceLast(): number {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const share = nowMs > this.#atMs ? (user + system) / 1000 / (nowMs - this.#atMs) : 0;
    this.#cpu = process.cpuUsage();
    this.#atMs = nowMs;
    return share;
  }
}
