import { OldestFirst } from "./oldestFirst.ts";
import { TurnBudget } from "./turnBudget.ts";

/** One step of something that is sent to one client beside live messages. */
export interface QueuedTask {
  /** Places in history that it holds on to between its steps. */
  readonly cursors: number;
  /** Does a bounded piece of work, about a millisecond, or less once `isOver` holds. It comes back by `add`. */
  step(isOver: () => boolean): void;
  /** Lets go of these places: its next step finds them again. */
  release(): void;
}

/** Some 60 bytes each. */
const CURSORS_MAX = 200_000;
/** Tasks that have begun and could go on: while there are more, none begins. */
const READY_MAX = 256;

/**
 * Shares the event loop out: after an outage all clients come back at once, and what they have missed must not keep the
 * others waiting for live messages. All replays together get a part of each turn (`TurnBudget`). Every second step is of the
 * one that began first, so that a crowd is served one after another: if all went on in step, each would take so long that
 * history moves on meanwhile, and it would have to look again and again. The other steps go by turns, so that a long
 * one keeps nobody waiting. New ones begin only while few of those that began could go on, and these hold little.
 */
export class ReplayQueue {
  /** Those that could go on. */
  readonly #begun = new Set<QueuedTask>();
  readonly #oldest = new OldestFirst<QueuedTask>();
  /** As they began. */
  readonly #numbers = new Map<QueuedTask, number>();
  #number = 0;
  #turns = 0;
  readonly #new = new Set<QueuedTask>();
  readonly #held = new Map<QueuedTask, number>();
  readonly #now: () => number;
  #cursors = 0;
  #isScheduled = false;
  readonly #budget = new TurnBudget();

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
    const number = this.#numbers.get(task);
    if (number === undefined) this.#new.add(task);
    else {
      this.#begun.add(task);
      this.#oldest.add(number, task);
    }
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
    this.#numbers.delete(task);
    // Who has ended is not held on to until its turn would come.
    if (this.#begun.size === 0) this.#oldest.clear();
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
    const until = this.#budget.begin(this.#now());
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
    const isOldestNext = ++this.#turns % 2 === 0;
    const mayBegin = this.#new.size > 0 && this.#cursors < CURSORS_MAX && this.#begun.size < READY_MAX;
    if (this.#begun.size > 0 && (isOldestNext || !mayBegin)) {
      return isOldestNext ? this.#oldestBegun() : this.#first(this.#begun);
    }
    if (!mayBegin) return undefined;
    const task = this.#first(this.#new);
    if (task !== undefined) this.#numbers.set(task, ++this.#number);
    return task;
  }

  /** Some in the heap have gone on by turns meanwhile, or have ended. */
  #oldestBegun(): QueuedTask | undefined {
    for (let task = this.#oldest.take(); task !== undefined; task = this.#oldest.take()) {
      if (this.#begun.delete(task)) return task;
    }
    return undefined;
  }

  #first(tasks: Set<QueuedTask>): QueuedTask | undefined {
    for (const task of tasks) {
      tasks.delete(task);
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
