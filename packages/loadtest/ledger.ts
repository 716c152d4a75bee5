import { ChannelSlots } from "./channelSlots.ts";

/** Holes that are remembered for a late arrival; beyond it a late one counts as repeated, and the hole as lost. */
const HOLES_MAX = 100_000;
/** Streams of which each client's offsets are followed; those beyond are told as unfollowed. */
export const STREAMS_MAX = 1024;
/** The room for streams doubles from here on: it is 8 bytes for each client and stream. */
const STREAMS_FIRST = 8;
/** Nothing has been seen, and nothing is known to be due. */
const UNKNOWN = -1;

/** The books that a generator keeps of its clients. */
export interface ClientLedger {
  readonly repeated: number;
  readonly disordered: number;
  readonly repeatedCursors: number;
  readonly unfollowed: number;
  /** Arrived on a channel that the client did not ask for. */
  readonly strayed: number;
  /** From here on all is due to this client, beginning with `first` where nothing is known of a channel. */
  expectFrom(client: number, first: number): void;
  /** Whether it got something on each of its channels since it is this client. */
  hasHeardAll(client: number): boolean;
  /** Whether it got anything since it is this client. */
  hasHeard(client: number): boolean;
  /** The client leaves, and another comes in its place. */
  leave(client: number): void;
  /** Something came on a channel. Returns where it is noted; −1 where the client did not ask for it. */
  hear(client: number, channel: number): number;
  /** What comes next on this channel is the beginning: the client was told of a gap in it. */
  forget(client: number, channel: number): void;
  /** Of one stream, or of all: they may begin anew, as after a log that was cut. */
  forgetOffsets(client: number, stream?: number): void;
  cursor(client: number, stream: number, offset: number): void;
  /** The greatest offset that the client saw of a stream; −1 for none. */
  offsetOf(client: number, stream: number): number;
  message(client: number, channel: number, n: number): void;
  /**
   * What never came. By channel: `sent` is how many numbers were given out, and `failed`, in order, are those of them that nobody
   * took, so that no server owes them.
   */
  lost(sent: readonly number[], failed: readonly (readonly number[])[]): number;
}

/** What every client saw of each of its channels, in flat arrays: 4 bytes for a channel and 8 for a stream. */
export class Ledger implements ClientLedger {
  readonly #slots: ChannelSlots;
  readonly #next: Int32Array;
  #offsets: Float64Array;
  #streams = STREAMS_FIRST;
  readonly #holes = new Map<number, Set<number>>();
  #holeCount = 0;
  repeated = 0;
  disordered = 0;
  repeatedCursors = 0;
  unfollowed = 0;

  /** By client, the channels by number. */
  constructor(channelsOf: readonly (readonly number[])[]) {
    this.#slots = new ChannelSlots(channelsOf);
    this.#next = new Int32Array(this.#slots.size).fill(UNKNOWN);
    this.#offsets = new Float64Array(channelsOf.length * this.#streams).fill(-1);
  }

  expectFrom(client: number, first: number): void {
    for (let slot = 0; slot < this.#slots.width; slot++) {
      const at = client * this.#slots.width + slot;
      if (this.#next[at] === UNKNOWN) this.#next[at] = first;
    }
  }

  get strayed(): number {
    return this.#slots.strayed;
  }

  hasHeardAll(client: number): boolean {
    return this.#slots.hasHeardAll(client);
  }

  hasHeard(client: number): boolean {
    return this.#slots.hasHeard(client);
  }

  /** What is missing of the first one's is lost for good. */
  leave(client: number): void {
    for (let at = client * this.#slots.width; at < (client + 1) * this.#slots.width; at++) {
      const holes = this.#holes.get(at)?.size ?? 0;
      this.#forgottenHoles += holes;
      this.#holeCount -= holes;
      this.#holes.delete(at);
      this.#next[at] = UNKNOWN;
    }
    this.#slots.leave(client);
    this.forgetOffsets(client);
  }

  hear(client: number, channel: number): number {
    return this.#slots.hear(client, channel);
  }

  /** What was missing before that stays missing, and the other channels have nothing to do with it. */
  forget(client: number, channel: number): void {
    const at = this.#slots.at(client, channel);
    if (at >= 0) this.#next[at] = UNKNOWN;
  }

  forgetOffsets(client: number, stream?: number): void {
    const at = client * this.#streams;
    if (stream === undefined) this.#offsets.fill(-1, at, at + this.#streams);
    else if (stream < this.#streams) this.#offsets[at + stream] = -1;
  }

  cursor(client: number, stream: number, offset: number): void {
    if (stream >= STREAMS_MAX) {
      this.unfollowed += 1;
      return;
    }
    if (stream >= this.#streams) this.#growFor(stream);
    const at = client * this.#streams + stream;
    if (offset <= (this.#offsets[at] as number)) this.repeatedCursors += 1;
    else this.#offsets[at] = offset;
  }

  offsetOf(client: number, stream: number): number {
    return stream < this.#streams ? (this.#offsets[client * this.#streams + stream] as number) : -1;
  }

  message(client: number, channel: number, n: number): void {
    const at = this.hear(client, channel);
    if (at < 0) return;
    const next = this.#next[at] as number;
    if (n === next || next === UNKNOWN) this.#next[at] = n + 1;
    else if (n > next) this.#skip(at, next, n);
    else if (this.#holes.get(at)?.delete(n) === true) {
      this.#holeCount -= 1;
      this.disordered += 1;
    } else this.repeated += 1;
  }

  lost(sent: readonly number[], failed: readonly (readonly number[])[]): number {
    let lost = this.#forgottenHoles;
    const unowed = failed.map((numbers) => new Set(numbers));
    for (const [client, own] of this.#slots.channelsOf.entries()) {
      for (const [slot, channel] of own.entries()) {
        const at = client * this.#slots.width + slot;
        for (const hole of this.#holes.get(at) ?? []) if (unowed[channel]?.has(hole) !== true) lost += 1;
        const next = this.#next[at] as number;
        if (next === UNKNOWN) continue;
        const missing = Math.max(0, (sent[channel] ?? 0) - next);
        lost += missing === 0 ? 0 : missing - countFrom(failed[channel] ?? [], next);
      }
    }
    return lost;
  }

  #forgottenHoles = 0;

  #growFor(stream: number): void {
    const before = this.#streams;
    while (this.#streams <= stream) this.#streams *= 2;
    const offsets = new Float64Array(this.#slots.channelsOf.length * this.#streams).fill(-1);
    for (let client = 0; client < this.#slots.channelsOf.length; client++)
      offsets.set(this.#offsets.subarray(client * before, (client + 1) * before), client * this.#streams);
    this.#offsets = offsets;
  }

  #skip(at: number, next: number, n: number): void {
    const room = HOLES_MAX - this.#holeCount;
    const holes = this.#holes.get(at) ?? new Set<number>();
    const kept = Math.min(room, n - next);
    for (let index = 0; index < kept; index++) holes.add(next + index);
    this.#holes.set(at, holes);
    this.#holeCount += kept;
    this.#forgottenHoles += n - next - kept;
    this.#next[at] = n + 1;
  }
}

/** How many of these ascending numbers are `least` or more. */
function countFrom(numbers: readonly number[], least: number): number {
  let [from, end] = [0, numbers.length];
  while (from < end) {
    const middle = (from + end) >> 1;
    if ((numbers[middle] as number) < least) from = middle + 1;
    else end = middle;
  }
  return numbers.length - from;
}
