const RING_ENTRIES_MIN = 2;

/**
 * The places of one channel's entries, in order of delivery: a ring of numbers that grows by doubling. Each entry has a
 * number that it keeps: `first` is the oldest that is here, `end` the one that comes next.
 */
export class ChannelHistory {
  readonly name: string;
  retained: Uint8Array | undefined = undefined;
  /** The newest message was too large to be kept, so that what is here is not the last value. */
  newestIsMissing = false;
  first = 0;
  end = 0;
  /** The place of the newest entry, also when that is not here any more. */
  lastPosition = -1;
  #ring = new Float64Array(RING_ENTRIES_MIN);
  /** Numbers of the slots that ever fed this channel: nearly always one. */
  slots: readonly number[] = NO_SLOTS;
  /** Where the cap on messages dropped entries: for a slot's number, from which offset on all is here. */
  #floors: Map<number, number> | undefined = undefined;

  constructor(name: string) {
    this.name = name;
  }

  get count(): number {
    return this.end - this.first;
  }

  noteSlot(slot: number): void {
    if (!this.slots.includes(slot))
      this.slots = this.slots.length === 0 ? soleSlot(slot) : [...this.slots, slot];
  }

  push(position: number): void {
    if (this.count === this.#ring.length) this.#resize(this.#ring.length * 2);
    this.#ring[this.end % this.#ring.length] = position;
    this.end += 1;
    this.lastPosition = position;
  }

  shift(): number {
    const position = this.positionOf(this.first);
    this.first += 1;
    return position;
  }

  /** The place of the entry with this number, which must be here. */
  positionOf(number: number): number {
    const isHere = number >= this.first && number < this.end;
    const position = isHere ? this.#ring[number % this.#ring.length] : undefined;
    if (position === undefined) {
      throw new Error(`channel history has the entries ${this.first} to ${this.end - 1}, not ${number}`);
    }
    return position;
  }

  /** Gives back what a burst has grown. Only while there are no entries. */
  shrink(): void {
    if (this.#ring.length > RING_ENTRIES_MIN) this.#ring = new Float64Array(RING_ENTRIES_MIN);
  }

  oldest(): number | undefined {
    return this.count === 0 ? undefined : this.positionOf(this.first);
  }

  newest(): number | undefined {
    return this.count === 0 ? undefined : this.positionOf(this.end - 1);
  }

  /** For each slot of which the cap has dropped entries, the offset from which on all is here. */
  get floors(): ReadonlyMap<number, number> {
    return this.#floors ?? NO_FLOORS;
  }

  raiseFloor(slot: number, next: number): void {
    this.#floors ??= new Map();
    if ((this.#floors.get(slot) ?? 0) < next) this.#floors.set(slot, next);
  }

  #resize(length: number): void {
    const ring = new Float64Array(length);
    for (let number = this.first; number < this.end; number++)
      ring[number % length] = this.positionOf(number);
    this.#ring = ring;
  }
}

const NO_SLOTS: readonly number[] = [];
const NO_FLOORS: ReadonlyMap<number, number> = new Map();

/** One list for all channels that the same slot alone feeds: there are very many of these. */
const soleSlots: (readonly number[])[] = [];

function soleSlot(slot: number): readonly number[] {
  const known = soleSlots[slot];
  if (known !== undefined) return known;
  const list = [slot];
  soleSlots[slot] = list;
  return list;
}
