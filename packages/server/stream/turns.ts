/** Bytes that wait for the next turn at most: beyond them it begins at once, and memory stays what the bus alone would take. */
const HELD_BYTES_MAX = 4 * 2 ** 20;
/** Timers count in whole milliseconds: a shorter wait would be as long as this one. */
const WAIT_MS_MIN = 1;

/**
 * Collects frames of the bus into turns of the event loop. All messages of one turn leave for a client in one write, and
 * that write is most of what a delivery costs; so the fewer turns, the less each message costs, and the later it comes.
 *
 * After a turn that took `t` until its writes were done, the next one begins at the earliest `t` later, or `waitMsMax`
 * where that is less. With little to do `t` is a fraction of a millisecond and nothing waits; the more a turn costs, the
 * more messages share the next one, and writing takes at most half of the time until that bound is reached.
 *
 * Frames wait before they are assembled, not after: whatever looks at history, marks and subscriptions meanwhile sees a
 * bus that is a little late, which it may be at any time, so no order depends on this.
 */
export class Turns {
  readonly stats: TurnStats = { turns: 0, frames: 0, framesHeld: 0, cutShort: 0, waitMs: 0 };
  readonly #options: TurnOptions;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Frames join the turn as long as its writes have not begun. */
  #isOpen = false;
  /** Not known before the turn is over. */
  #isMeasured = true;
  #beganMs = 0;
  #nextAtMs = 0;
  #cancel: (() => void) | undefined;

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  add(frame: Uint8Array): void {
    this.stats.frames += 1;
    if (this.#options.waitMsMax === 0) return this.#options.take(frame);
    if (this.#isOpen) return this.#options.take(frame);
    const mayBegin = this.#held.length === 0 && this.#isMeasured;
    if (mayBegin && this.#nextAtMs - this.#options.now() < WAIT_MS_MIN) {
      this.#begin();
      return this.#options.take(frame);
    }
    this.#hold(frame);
  }

  /** What waits is dropped: nobody is there to have it any more, and the log has it. */
  close(): void {
    this.#cancel?.();
    this.#held = [];
    this.#heldBytes = 0;
  }

  #hold(frame: Uint8Array): void {
    this.#held.push(frame);
    this.#heldBytes += frame.length;
    this.stats.framesHeld += 1;
    if (this.#heldBytes > HELD_BYTES_MAX) {
      this.stats.cutShort += 1;
      this.#takeHeld();
    } else if (this.#isMeasured) this.#wait();
  }

  #wait(): void {
    this.#cancel ??= this.#options.schedule(this.#nextAtMs - this.#options.now(), () => this.#takeHeld());
  }

  #takeHeld(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const frames = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#begin();
    for (const frame of frames) this.#options.take(frame);
  }

  #begin(): void {
    const { now, afterTurn } = this.#options;
    this.stats.turns += 1;
    // Cut short: it is measured with the one before it.
    if (!this.#isMeasured) return;
    this.#isMeasured = false;
    this.#isOpen = true;
    this.#beganMs = now();
    // The transport writes at the end of an iteration of the event loop: sometimes behind the first of these, always
    // before the second.
    afterTurn(() => {
      this.#isOpen = false;
      afterTurn(() => this.#ended());
    });
  }

  #ended(): void {
    const { now, waitMsMax } = this.#options;
    const endMs = now();
    this.#isMeasured = true;
    this.stats.waitMs = Math.min(waitMsMax, endMs - this.#beganMs);
    this.#nextAtMs = endMs + this.stats.waitMs;
    if (this.#held.length > 0) this.#wait();
  }
}

export interface TurnOptions {
  /** The longest that a frame may wait. 0: none ever does. */
  readonly waitMsMax: number;
  readonly take: (frame: Uint8Array) => void;
  /** In ms; never goes back. */
  readonly now: () => number;
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
  /** Calls back in the next iteration of the event loop. */
  readonly afterTurn: (fn: () => void) => void;
}

export interface TurnStats {
  /** Turns in which frames were taken. */
  turns: number;
  frames: number;
  /** Frames that have waited. */
  framesHeld: number;
  /** Waits that ended early because too many bytes had come. */
  cutShort: number;
  /** How long frames have to wait after the last turn. */
  waitMs: number;
}
