/** Buckets of an octave: a value is told to within 1/64 of itself. */
const STEPS = 64;
const BUCKETS = 27 * STEPS;

/** Counts of whole µs up to 35 minutes, log-linear as in an HDR histogram: fixed memory whatever comes. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  count = 0;
  maxUs = 0;

  add(us: number): void {
    const value = us < 0 ? 0 : us > 0x7fff_ffff ? 0x7fff_ffff : us | 0;
    const shift = value < STEPS ? 0 : 25 - Math.clz32(value);
    const index = value < STEPS ? value : shift * STEPS + (value >> shift);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.count += 1;
    if (value > this.maxUs) this.maxUs = value;
  }

  /** The q-quantile (0 to 1) in ms; undefined without samples. */
  quantileMs(q: number): number | undefined {
    if (this.count === 0) return undefined;
    let left = Math.ceil(this.count * q);
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#counts[index] as number;
      if (left <= 0) return Math.min(this.maxUs, upperUs(index)) / 1000;
    }
    return this.maxUs / 1000;
  }

  /** Pairs of bucket and count, and the greatest value. */
  toSparse(): SparseHistogram {
    const pairs: Array<[number, number]> = [];
    for (const [index, count] of this.#counts.entries()) if (count > 0) pairs.push([index, count]);
    return { pairs, maxUs: this.maxUs };
  }

  merge({ pairs, maxUs }: SparseHistogram): void {
    for (const [index, count] of pairs) {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
      this.count += count;
    }
    this.maxUs = Math.max(this.maxUs, maxUs);
  }

  clear(): void {
    this.#counts.fill(0);
    this.count = 0;
    this.maxUs = 0;
  }
}

export interface SparseHistogram {
  readonly pairs: ReadonlyArray<readonly [bucket: number, count: number]>;
  readonly maxUs: number;
}

function upperUs(index: number): number {
  if (index < 2 * STEPS) return index;
  const shift = Math.floor(index / STEPS) - 1;
  return ((index - shift * STEPS + 1) << shift) - 1;
}
