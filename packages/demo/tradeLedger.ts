/** Beyond this the page has lost too much to keep a list of it. */
const MISSING_MAX = 100_000;

/** Checks that every trade of the market arrives once: the feed counts them. */
export class TradeLedger {
  #isBegun = false;
  #streamId: string | undefined;
  #highest = 0;
  #inARow = 0;
  #repeated = 0;
  #lost = 0;
  readonly #missing = new Set<number>();

  /** Trades before this are not counted. */
  begin(): void {
    this.#isBegun = true;
  }

  get counts(): { readonly trades: number; readonly missing: number; readonly repeated: number } {
    return { trades: this.#inARow, missing: this.#missing.size + this.#lost, repeated: this.#repeated };
  }

  /** The stream is the part of a cursor before its colon; with another one the market has begun anew. */
  note(trade: number, cursor: string): void {
    if (!this.#isBegun) return;
    const streamId = cursor.slice(0, cursor.indexOf(":"));
    const isNew = streamId !== this.#streamId;
    this.#streamId = streamId;
    if (!isNew && trade <= this.#highest) {
      if (!this.#missing.delete(trade)) this.#repeated += 1;
      return;
    }
    if (!isNew) this.#miss(this.#highest + 1, trade);
    this.#highest = trade;
    this.#inARow += 1;
  }

  #miss(from: number, to: number): void {
    // By arithmetic: between two trades there may be more than can be counted one by one.
    const missed = to - from;
    const kept = Math.min(missed, MISSING_MAX - this.#missing.size);
    for (let trade = from; trade < from + kept; trade++) this.#missing.add(trade);
    this.#lost += missed - kept;
    if (missed > 0) this.#inARow = 0;
  }
}
