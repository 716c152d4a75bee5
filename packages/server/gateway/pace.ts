import { TurnBudget } from "./turnBudget.ts";

export interface PaceOptions {
  readonly now?: (() => number) | undefined;
  /** At the end of each turn that had work, after what waited. */
  readonly onTurn?: () => void;
}

/**
 * Shares the event loop out between those who come and those who are there. What comes from a crowd comes in one piece, and
 * nothing else would have its turn meanwhile. So its work gets a part of each turn (`TurnBudget`); the rest waits for later
 * ones, in the order in which it came.
 */
export class Pace {
  readonly #waiting: Array<() => void> = [];
  /** Of those, what has begun. */
  #done = 0;
  readonly #now: () => number;
  readonly #onTurn: () => void;
  readonly #budget = new TurnBudget();
  /** Of this turn; undefined where it has had no work yet. */
  #until: number | undefined;

  constructor({ now = () => performance.now(), onTurn = () => {} }: PaceOptions = {}) {
    this.#now = now;
    this.#onTurn = onTurn;
  }

  /** Pieces of work that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length - this.#done;
  }

  /** Whether work may be done now: nothing waits before it, and this turn has time for it. */
  mayBegin(): boolean {
    return this.waiting === 0 && this.#msLeft() > 0;
  }

  /** Has its turn after all that waits already. */
  wait(work: () => void): void {
    this.#waiting.push(work);
  }

  /** All that waits has its turn now. */
  finish(): void {
    this.#workWhile(() => true);
  }

  #msLeft(): number {
    const nowMs = this.#now();
    if (this.#until === undefined) {
      this.#until = this.#budget.begin(nowMs);
      // Not a microtask: what has come in from the bus and from clients has its turn in between.
      setImmediate(() => this.#turn());
    }
    return this.#until - nowMs;
  }

  #turn(): void {
    this.#until = undefined;
    try {
      this.#workWhile(() => this.#msLeft() > 0);
    } finally {
      this.#onTurn();
    }
  }

  /** What throws has had its turn, and what waits behind it will have one. */
  #workWhile(goesOn: () => boolean): void {
    try {
      while (this.waiting > 0 && goesOn()) this.#waiting[this.#done++]?.();
    } finally {
      this.#waiting.splice(0, this.#done);
      this.#done = 0;
    }
  }
}
