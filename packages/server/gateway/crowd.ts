/** Seconds over which those who were refused come back: at least, and at most. */
const WITHIN_S = { min: 10, max: 120 };
/** Refusals older than two of these are forgotten: who was refused then has come back, or will not. */
const PERIOD_MS = 10_000;

/**
 * How many were lately refused because more came at once than may, and so over what time they are to be spread: a crowd
 * that is told to come back within 10 s, and takes two minutes to let in, would knock twelve times.
 */
export class Crowd {
  readonly #perSecond: number;
  readonly #now: () => number;
  #periodMs = Number.NEGATIVE_INFINITY;
  #current = 0;
  #previous = 0;

  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  refused(): void {
    this.#turn();
    this.#current += 1;
  }

  /** In seconds. */
  get withinS(): number {
    this.#turn();
    const crowd = Math.max(this.#current, this.#previous);
    return Math.min(WITHIN_S.max, Math.max(WITHIN_S.min, Math.ceil(crowd / this.#perSecond)));
  }

  #turn(): void {
    const sinceMs = this.#now() - this.#periodMs;
    if (sinceMs < PERIOD_MS) return;
    this.#previous = sinceMs < 2 * PERIOD_MS ? this.#current : 0;
    this.#current = 0;
    this.#periodMs = this.#now();
  }
}
