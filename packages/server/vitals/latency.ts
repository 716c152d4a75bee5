/** Buckets for each doubling: a quantile is told to within a twelfth of its value. */
const BUCKETS_PER_DOUBLING = 8;
/** Beyond this, about two minutes, a latency counts as this. */
const MS_MAX = 2 ** 17;
const BUCKETS = Math.ceil(Math.log2(MS_MAX + 1) * BUCKETS_PER_DOUBLING) + 1;

/** Quantiles of the latencies of the recent past: of the last one to two windows. */
export class LatencyWindow {
  readonly #windowMs: number;
  #current = new Uint32Array(BUCKETS);
  #before = new Uint32Array(BUCKETS);
  #beganMs: number;

  constructor(windowMs: number, nowMs: number) {
    this.#windowMs = windowMs;
    this.#beganMs = nowMs;
  }

  /** Less than nothing, as between clocks that differ, counts as nothing. */
  note(latencyMs: number): void {
    const within = Math.min(MS_MAX, Math.max(0, latencyMs));
    const bucket = Math.floor(Math.log2(within + 1) * BUCKETS_PER_DOUBLING);
    this.#current[bucket] = (this.#current[bucket] ?? 0) + 1;
  }

  /** The upper end of the bucket in which each of the shares falls; undefined where nothing was noted. */
  quantiles(shares: readonly number[], nowMs: number): ReadonlyArray<number | undefined> {
    this.#turn(nowMs);
    const counts = this.#current.map((count, bucket) => count + (this.#before[bucket] ?? 0));
    const total = counts.reduce((sum, count) => sum + count, 0);
    return shares.map((share) => {
      if (total === 0) return undefined;
      let through = 0;
      const bucket = counts.findIndex((count) => {
        through += count;
        return through >= share * total;
      });
      return 2 ** ((bucket + 1) / BUCKETS_PER_DOUBLING) - 1;
    });
  }

  #turn(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#beganMs) / this.#windowMs);
    if (windows < 1) return;
    this.#beganMs += windows * this.#windowMs;
    const emptied = this.#before.fill(0);
    this.#before = windows === 1 ? this.#current : emptied;
    this.#current = windows === 1 ? emptied : this.#current.fill(0);
  }
}
