/** A text below this is no reason for a larger budget, so that its bytes are not even counted. */
const WORTH_COUNTING_CHARACTERS = 8 * 1024;
/** How long a large publication counts: twice this at most, in ms. */
const PERIOD_MS = 60_000;

/** The bytes of the largest text that was sent of late. */
export class LargestPublication {
  readonly #now: () => number;
  #present = 0;
  #before = 0;
  #sinceMs: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#sinceMs = now();
  }

  get bytes(): number {
    const periods = Math.floor((this.#now() - this.#sinceMs) / PERIOD_MS);
    if (periods > 0) {
      this.#before = periods === 1 ? this.#present : 0;
      this.#present = 0;
      this.#sinceMs = this.#now();
    }
    return Math.max(this.#present, this.#before);
  }

  sent(text: string): void {
    // In UTF-8 a character is at most three bytes, so most texts need no counting.
    if (text.length < WORTH_COUNTING_CHARACTERS || text.length * 3 <= this.#present) return;
    this.#present = Math.max(this.#present, Buffer.byteLength(text));
  }
}
