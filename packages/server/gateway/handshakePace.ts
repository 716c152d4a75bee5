/** Of each turn of the event loop, in ms: what live messages may have to wait for. */
const TURN_MS = 5;
/** Each holds its connection and a request. So many are a second or two of work, which a busy shard stretches. */
const WAITING_MAX = 10_000;

export interface HandshakePaceOptions {
  readonly now?: () => number;
  readonly waitingMax?: number;
}

/**
 * Shares the event loop out between those who come and those who are there. The transport accepts connections until none
 * waits, and hands each of them over on the way: while a crowd comes as fast as that goes, nothing else would have its
 * turn. So handshakes get a few milliseconds of each turn, and the others wait for later ones, in the order in which they
 * came.
 */
export class HandshakePace {
  readonly #waiting: Array<() => void> = [];
  readonly #now: () => number;
  readonly #waitingMax: number;
  /** Of this turn; undefined where it has had no handshake yet. */
  #until: number | undefined;

  constructor({ now = () => performance.now(), waitingMax = WAITING_MAX }: HandshakePaceOptions = {}) {
    this.#now = now;
    this.#waitingMax = waitingMax;
  }

  /** Handshakes that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether those who come are to share what is left: till then waiting is better than an answer that is not paced. */
  get areFewLeft(): boolean {
    return this.#waiting.length >= this.#waitingMax / 4;
  }

  /** Whether one more would be too many. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#waitingMax;
  }

  /** Whether a handshake may have its turn now: nobody waits before it, and this turn has time for it. */
  mayBegin(): boolean {
    return this.#waiting.length === 0 && this.#hasTime();
  }

  /** Has its turn after all who wait already. */
  wait<T>(handshake: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(new Promise((answer) => answer(handshake()))));
    });
  }

  /** All who wait have their turn now. */
  finish(): void {
    for (const handshake of this.#waiting.splice(0)) handshake();
  }

  #hasTime(): boolean {
    const nowMs = this.#now();
    if (this.#until === undefined) {
      this.#until = nowMs + TURN_MS;
      // Not a microtask: what has come in from the bus and from clients has its turn in between.
      setImmediate(() => this.#turn());
    }
    return nowMs < this.#until;
  }

  #turn(): void {
    this.#until = undefined;
    let done = 0;
    while (done < this.#waiting.length && this.#hasTime()) this.#waiting[done++]?.();
    this.#waiting.splice(0, done);
  }
}
