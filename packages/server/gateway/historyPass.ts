import type { ChannelHistory, History } from "../hub/history.ts";
import type { HeldChannels } from "./heldChannels.ts";
import type { WantedChannels } from "./wantedChannels.ts";

/** A stream that a client resumes. */
export interface ResumedStream {
  readonly streamId: string;
  /** The offset that the client needs next. */
  next: number;
}

/** Entries that one call looks at; some of them may not be for this client. */
const ENTRIES_MAX = 1024;
/** Channels between two looks at the clock. */
const CHANNELS_PER_LOOK = 64;

interface Cursor {
  readonly channel: ChannelHistory;
  /** Of the entry that comes next, and its place. */
  number: number;
  position: number;
}

/**
 * One pass over what history holds now of the wanted channels, in order of delivery and so in offset order per stream: a
 * merge of the channels' rings, so that n entries of c channels cost n log c. It may last many turns. What is appended
 * meanwhile is left to the next pass, which is shorter; what is dropped meanwhile is noticed (`isLost`).
 */
export class HistoryPass {
  /** Places from here on belong to the next pass. */
  readonly end: number;
  /** For a slot's number the offset from which on all wanted channels are complete, where caps on channels have dropped. */
  readonly floors = new Map<number, number>();
  /** The entry that comes next was dropped: what is missing stands in the log alone. */
  isLost = false;
  readonly #history: History;
  readonly #wanted: WantedChannels;
  readonly #streams: ReadonlyMap<number, ResumedStream>;
  readonly #from: number;
  readonly #held: HeldChannels | undefined;
  /** A heap by position. */
  readonly #cursors: Cursor[] = [];
  readonly #places: Iterator<ChannelHistory[]>;
  #hasLooked: boolean;

  /** `streams` by the numbers of their slots; nothing before the place `from` is wanted. */
  constructor(
    history: History,
    options: {
      readonly wanted: WantedChannels;
      readonly streams: ReadonlyMap<number, ResumedStream>;
      readonly from: number;
      /** Where the connection has some of what is asked for already. */
      readonly held?: HeldChannels | undefined;
    },
  ) {
    this.#history = history;
    this.#wanted = options.wanted;
    this.#streams = options.streams;
    this.#from = options.from;
    this.#held = options.held;
    this.end = history.end;
    // The last pass of a resume, as a rule: a pattern may cover very many channels, and each of them is looked at otherwise.
    this.#hasLooked = this.#from >= this.end;
    this.#places = this.#batches();
  }

  get cursors(): number {
    return this.#cursors.length;
  }

  get isExhausted(): boolean {
    return this.#hasLooked && this.#cursors.length === 0;
  }

  /** Looks at the wanted channels until `isOver` holds; true once it has looked at all. */
  look(isOver: () => boolean): boolean {
    while (!this.#hasLooked) {
      const { value, done } = this.#places.next();
      if (done === true) {
        this.#hasLooked = true;
        for (let at = (this.#cursors.length >> 1) - 1; at >= 0; at--) this.#sink(at);
      } else {
        for (const channel of value) this.#lookAt(channel);
        if (isOver()) return false;
      }
    }
    return true;
  }

  /** The next texts of at most about `bytesMax`, only after `look`. Moves the streams on. */
  take(bytesMax: number): readonly string[] {
    const texts: string[] = [];
    let bytes = 0;
    for (let looked = 0; looked < ENTRIES_MAX; looked++) {
      const first = this.#cursors[0];
      if (first === undefined) break;
      if (first.number < first.channel.first) {
        this.isLost = true;
        break;
      }
      const entry = this.#history.entryAt(first.position);
      const stream = this.#streams.get(entry.slot);
      if (stream !== undefined && entry.offset >= stream.next) {
        if (bytes > 0 && bytes + entry.envelope.length > bytesMax) break;
        bytes += entry.envelope.length;
        texts.push(decoder.decode(entry.envelope));
        stream.next = entry.offset + 1;
      }
      this.#advance(first);
    }
    return texts;
  }

  /** The wanted channels, some at a time. Channels may come and go in between: those that come are for the next pass. */
  *#batches(): Generator<ChannelHistory[], void> {
    let batch: ChannelHistory[] = [];
    for (const name of this.#wanted.names) {
      const channel = this.#history.channel(name);
      if (channel !== undefined) batch.push(channel);
      if (batch.length < CHANNELS_PER_LOOK) continue;
      yield batch;
      batch = [];
    }
    for (const name of this.#held?.names ?? []) {
      const channel = this.#history.channel(name);
      if (channel !== undefined && this.#held !== undefined) this.#lookAtHeld(channel, this.#held);
    }
    let patterns = 0;
    for (const pattern of [...this.#wanted.patterns, ...(this.#held?.patterns ?? [])]) {
      const prefix = pattern.slice(0, -1);
      let after: string | undefined;
      do {
        const last: string | undefined = this.#collect(prefix, after, batch);
        after = last;
        if (batch.length < CHANNELS_PER_LOOK && ++patterns % CHANNELS_PER_LOOK !== 0) continue;
        yield batch;
        batch = [];
      } while (after !== undefined);
    }
    yield batch;
  }

  /** Adds channels behind the name `after` until the batch is full. Returns the last name where there may be more. */
  #collect(prefix: string, after: string | undefined, batch: ChannelHistory[]): string | undefined {
    let looked = 0;
    for (const channel of this.#history.channelsWithPrefix(prefix, after)) {
      if (this.#wanted.wantsCovered(channel.name)) batch.push(channel);
      else if (this.#held !== undefined) this.#lookAtHeld(channel, this.#held);
      if (++looked >= CHANNELS_PER_LOOK) return channel.name;
    }
    return undefined;
  }

  /** Finds the first entry that is wanted, from the newest back: who missed little costs little. */
  #lookAt(channel: ChannelHistory): void {
    for (const [slot, floor] of channel.floors) {
      if (floor > (this.floors.get(slot) ?? 0)) this.floors.set(slot, floor);
    }
    let start: Cursor | undefined;
    for (let number = channel.end - 1; number >= channel.first; number--) {
      const position = channel.positionOf(number);
      if (position < this.#from) break;
      if (position >= this.end) continue;
      const stream = this.#streams.get(this.#history.slotAt(position));
      if (stream !== undefined && this.#history.offsetAt(position) >= stream.next) {
        start ??= { channel, number, position };
        start.number = number;
        start.position = position;
      } else if (channel.slots.length === 1) break;
    }
    if (start !== undefined) this.#cursors.push(start);
  }

  /** Notes a channel of which something came since the client's positions. What came after its request it gets live. */
  #lookAtHeld(channel: ChannelHistory, held: HeldChannels): void {
    for (const index of channel.slots) {
      const stream = this.#streams.get(index);
      if (stream === undefined) continue;
      // What is below the floor was dropped, and the last of it is not older than what is asked for.
      const isDropped = (channel.floors.get(index) ?? 0) > stream.next;
      const newest = this.#newestBefore(held.end, channel, index);
      if (isDropped || (newest !== undefined && newest >= stream.next)) return held.note(channel.name);
    }
  }

  /** The offset of a stream's newest entry before a place. */
  #newestBefore(end: number, channel: ChannelHistory, slot: number): number | undefined {
    for (let number = channel.end - 1; number >= channel.first; number--) {
      const position = channel.positionOf(number);
      if (position < end && this.#history.slotAt(position) === slot) return this.#history.offsetAt(position);
    }
    return undefined;
  }

  #advance(cursor: Cursor): void {
    const { channel } = cursor;
    cursor.number += 1;
    const hasMore = cursor.number < channel.end;
    if (hasMore) cursor.position = channel.positionOf(cursor.number);
    if (!hasMore || cursor.position >= this.end) {
      const last = this.#cursors.pop();
      if (last === undefined || last === cursor) return;
      this.#cursors[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const cursors = this.#cursors;
    const sinking = cursors[from];
    if (sinking === undefined) return;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = sinking;
      let leastAt = at;
      const leftCursor = cursors[left];
      if (leftCursor !== undefined && leftCursor.position < least.position) {
        least = leftCursor;
        leastAt = left;
      }
      const rightCursor = cursors[right];
      if (rightCursor !== undefined && rightCursor.position < least.position) {
        least = rightCursor;
        leastAt = right;
      }
      if (leastAt === at) break;
      cursors[at] = least;
      cursors[leastAt] = sinking;
      at = leastAt;
    }
  }
}

const decoder = new TextDecoder();
