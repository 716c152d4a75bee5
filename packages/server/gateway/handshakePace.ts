import type { AcceptQueue } from "./acceptQueue.ts";
import { Pace } from "./pace.ts";

/** Each holds its connection and a request. So many are a second or two of work, which a busy shard stretches. */
const WAITING_MAX = 10_000;
/**
 * How many connections a turn still accepts once its time for handshakes is over: this part of those that wait in the kernel, so
 * that none stays there for more than some turns, however long these are. That is less work than a handshake, and who is accepted
 * can be seen: refused where too many wait, and answered where a balancer asks for health.
 */
const ACCEPTED_SHARE = 1 / 8;
const ACCEPTED_MIN = 50;

export interface HandshakePaceOptions {
  readonly now?: () => number;
  readonly waitingMax?: number;
  /** In the place of `ACCEPTED_MIN`. Infinite: a turn accepts until nobody waits. */
  readonly acceptedMin?: number;
}

/** Handshakes, each in its turn. Beyond what a turn has time for, connections are left in the kernel's queue. */
export class HandshakePace {
  /** Absent where connections can not be left there: the transport accepts all that have come, in one piece. */
  accepts: AcceptQueue | undefined = undefined;
  readonly #pace: Pace;
  readonly #waitingMax: number;
  readonly #acceptedMin: number;
  /** How many more this turn accepts; undefined while it has time for their handshakes. */
  #left: number | undefined = undefined;

  constructor({ now, waitingMax = WAITING_MAX, acceptedMin = ACCEPTED_MIN }: HandshakePaceOptions = {}) {
    this.#pace = new Pace({ now, onTurn: () => this.#onTurn() });
    this.#waitingMax = waitingMax;
    this.#acceptedMin = acceptedMin;
  }

  /** Handshakes that wait for their turn. */
  get waiting(): number {
    return this.#pace.waiting;
  }

  /** Whether those who come are to share what is left: till then waiting is better than an answer that is not paced. */
  get areFewLeft(): boolean {
    return this.waiting >= this.#waitingMax / 4;
  }

  /** Whether one more would be too many. */
  get isFull(): boolean {
    return this.waiting >= this.#waitingMax;
  }

  /** Whether a handshake may have its turn now: nobody waits before it, and this turn has time for it. */
  mayBegin(): boolean {
    if (this.#pace.mayBegin()) return true;
    if (this.accepts === undefined) return false;
    this.#left ??= Math.max(this.#acceptedMin, Math.floor(this.accepts.length.now * ACCEPTED_SHARE));
    if (--this.#left <= 0) this.accepts.hold();
    return false;
  }

  /** Has its turn after all who wait already. */
  wait<T>(handshake: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      this.#pace.wait(() => resolve(new Promise((answer) => answer(handshake()))));
    });
  }

  /** All who wait have their turn now. */
  finish(): void {
    this.#pace.finish();
  }

  #onTurn(): void {
    this.#left = undefined;
    this.accepts?.release();
  }
}
