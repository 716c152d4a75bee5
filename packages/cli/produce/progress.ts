import type { Output } from "../command.ts";

const LINE_MS = 250;
/** Where nobody watches a line change, each is another line. */
const LOG_MS = 5_000;

/** Tells on stderr how far it is: on a terminal by one line that changes, elsewhere by a line every few seconds. */
export class Progress {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #ticking: Timer;
  #count = 0;
  #told = { count: 0, ms: 0 };
  #lineShown = false;

  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#told.ms = now();
    this.#ticking = setInterval(() => this.tell(), output.isTerminal ? LINE_MS : LOG_MS);
    this.#ticking.unref();
  }

  /** So many more records have been written. */
  add(records: number): void {
    this.#count += records;
  }

  tell(): void {
    const ms = this.#now();
    const perSecond = Math.round(((this.#count - this.#told.count) * 1000) / Math.max(1, ms - this.#told.ms));
    this.#told = { count: this.#count, ms };
    const text = `${this.#count} records written so far, ${perSecond} a second`;
    this.#lineShown = this.#output.isTerminal;
    this.#write(this.#output.isTerminal ? `${CLEAR_LINE}${text}` : `${text}\n`);
  }

  /** Takes the changing line away, so that the result stands in its place. */
  end(): void {
    clearInterval(this.#ticking);
    if (this.#lineShown) this.#write(CLEAR_LINE);
    this.#lineShown = false;
  }

  /** Not waited for: it is little, and a reader that is gone is no reason to stop writing records. */
  #write(text: string): void {
    this.#output.write(text).catch(() => undefined);
  }
}

const CLEAR_LINE = "\r\x1b[2K";
