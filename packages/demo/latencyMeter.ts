/** Latencies of one second that are looked at. */
const NOTED_MAX = 20_000;

/** Latencies and messages, a second at a time. */
export class LatencyMeter {
  #latencies: number[] = [];
  #messages = 0;

  note(latencyMs: number): void {
    this.#messages += 1;
    if (this.#latencies.length < NOTED_MAX) this.#latencies.push(Math.max(0, latencyMs));
  }

  /** Since the last time that it was asked; no latency where nothing came. */
  lastSecond(): { readonly messages: number; readonly p50?: number; readonly p99?: number } {
    const messages = this.#messages;
    const sorted = this.#latencies.sort((a, b) => a - b);
    this.#latencies = [];
    this.#messages = 0;
    const [p50, p99] = [sorted[sorted.length >> 1], sorted[Math.floor(sorted.length * 0.99)]];
    return p50 === undefined || p99 === undefined ? { messages } : { messages, p50, p99 };
  }
}
