/** One step of something that is sent to one client beside live messages. */
export interface QueuedTask {
  /** Places in history that it holds on to between its steps. */
  readonly cursors: number;
  /** Does a bounded piece of work, about a millisecond, or less once `isOver` holds. It comes back by `add`. */
  step(isOver: () => boolean): void;
  /** Lets go of these places: its next step finds them again. */
  release(): void;
}

/** Of each turn of the event loop, in ms: what live messages may have to wait for. */
const TURN_MS = 5;
/** Some 60 bytes each. */
const CURSORS_MAX = 200_000;

/**
 * Shares the event loop out: after an outage all clients come back at once, and what they have missed must not keep the
 * others waiting for live messages. All replays together get a few milliseconds of each turn, one step each by turns. New
 * ones begin only while those that began hold little.
 */
export class ReplayQueue {
  readonly #begun = new Set<QueuedTask>();
  readonly #new = new Set<QueuedTask>();
  readonly #held = new Map<QueuedTask, number>();
  readonly #now: () => number;
  #cursors = 0;
  #isScheduled = false;
  #newIsNext = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Tasks that wait for their turn. */
  get waiting(): number {
    return this.#begun.size + this.#new.size;
  }

  /** Places in history that all of them hold. */
  get cursors(): number {
    return this.#cursors;
  }

  /** Comes to `step` in its turn: never in this one. */
  add(task: QueuedTask): void {
    (task.cursors > 0 ? this.#begun : this.#new).add(task);
    this.#schedule();
  }

  /** What the task holds has changed. */
  account(task: QueuedTask): void {
    const { cursors } = task;
    this.#cursors += cursors - (this.#held.get(task) ?? 0);
    if (cursors > 0) this.#held.set(task, cursors);
    else this.#held.delete(task);
    if (this.waiting > 0) this.#schedule();
  }

  /** The task has ended, and holds nothing any more. */
  remove(task: QueuedTask): void {
    this.#begun.delete(task);
    this.#new.delete(task);
    this.#cursors -= this.#held.get(task) ?? 0;
    this.#held.delete(task);
    if (this.waiting > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Not a microtask: what has come in from the bus and from clients has its turn in between.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const until = this.#now() + TURN_MS;
    const isOver = () => this.#now() >= until;
    do {
      const task = this.#next();
      if (task === undefined) return;
      task.step(isOver);
      this.account(task);
    } while (!isOver());
    if (this.waiting > 0) this.#schedule();
  }

  #next(): QueuedTask | undefined {
    // Those that began go on, or wait for their clients, who may be slow for good: these must not keep new ones out.
    if (this.#begun.size === 0 && this.#new.size > 0) this.#makeRoom();
    this.#newIsNext = !this.#newIsNext;
    const mayBegin = this.#new.size > 0 && this.#cursors < CURSORS_MAX;
    const from = mayBegin && (this.#newIsNext || this.#begun.size === 0) ? this.#new : this.#begun;
    for (const task of from) {
      from.delete(task);
      return task;
    }
    return undefined;
  }

  #makeRoom(): void {
    for (const task of this.#held.keys()) {
      if (this.#cursors < CURSORS_MAX) return;
      task.release();
      this.account(task);
    }
  }
}
