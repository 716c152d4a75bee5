/** Gaps that are remembered for clients that are behind. They are rare, and each is told for very many channels. */
const REMEMBERED_MAX = 64;

/** The last gaps of all streams, for who was not listening when they were told. */
export class RecentGaps {
  /** How many there were. */
  count = 0;
  readonly #recent: string[] = [];

  /** `stretch` is the end of its message, from behind the channel on. */
  add(stretch: string): void {
    this.count += 1;
    this.#recent.push(stretch);
    if (this.#recent.length > REMEMBERED_MAX) this.#recent.shift();
  }

  /** Those after the first `count`; undefined where they are not all remembered. */
  since(count: number): readonly string[] | undefined {
    const missed = this.count - count;
    return missed > this.#recent.length ? undefined : this.#recent.slice(this.#recent.length - missed);
  }
}

/** A gap's message for one channel or pattern. Names need no escaping. */
export function gapText(name: string, stretch: string): string {
  return `{"type":"gap","channel":"${name}",${stretch}`;
}
