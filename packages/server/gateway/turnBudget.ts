/** What live messages may have to wait for at most, in ms. */
const MAX_MS = 5;
/** Less would be mostly the cost of beginning. */
const MIN_MS = 2;
const SHARE = 1 / 10;

/**
 * How long one kind of work for those who come may go on in this turn of the event loop: a share of how long the last turn
 * took. A shard whose turns are short keeps them so; one that is busy, whose turns are long, still comes on with it.
 */
export class TurnBudget {
  #begunMs = Number.NEGATIVE_INFINITY;

  /** Until when this turn's work may go on. `nowMs`: as it begins. */
  begin(nowMs: number): number {
    const turnMs = nowMs - this.#begunMs;
    this.#begunMs = nowMs;
    return nowMs + Math.max(MIN_MS, Math.min(MAX_MS, turnMs * SHARE));
  }
}
