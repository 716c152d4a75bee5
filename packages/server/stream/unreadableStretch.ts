/**
 * Finds where a log can be read again behind a stretch that stays unreadable, by doubling the step until a read
 * succeeds and then halving between the last failure and the first success. So the gap is as small as it can be, and
 * a damaged batch of n offsets costs about 2·log2(n) reads. Two damaged stretches that lie nearer to one another than
 * the first is long are taken for one, which only a read for each single offset could tell.
 */
export class UnreadableStretch {
  /** The position (exclusive, as in range reads) at which reading failed first. */
  readonly after: number;
  #bad: number;
  #good: number | undefined;

  constructor(after: number) {
    this.after = after;
    this.#bad = after;
  }

  /** From where to try to read next. */
  get probe(): number {
    if (this.#good === undefined) return this.after + Math.max(1, 2 * (this.#bad - this.after));
    return this.#bad + Math.floor((this.#good - this.#bad) / 2);
  }

  /** The stretch is (after, through]; undefined while it is still being searched. */
  get through(): number | undefined {
    return this.#good !== undefined && this.#good - this.#bad <= 1 ? this.#good : undefined;
  }

  failed(after: number): void {
    this.#bad = Math.max(this.#bad, after);
  }

  /** Reading on from there works, or is not needed. */
  readable(after: number): void {
    this.#good = Math.min(this.#good ?? after, after);
  }
}
