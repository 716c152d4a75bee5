/** Holes that are remembered for a late arrival; beyond it a late one counts as repeated, and the hole as lost. */
const HOLES_MAX = 100_000;
/** Streams of which each client's offsets are followed; those beyond are told as unfollowed. */
export const STREAMS_MAX = 1024;
/** The room for streams doubles from here on: it is 8 bytes for each client and stream. */
const STREAMS_FIRST = 8;
/** Nothing has been seen, and nothing is known to be due. */
const UNKNOWN = -1;

/** What every client saw of each of its channels, in flat arrays: 4 bytes for a channel and 8 for a stream. */
export class Ledger {
  readonly #channelsOf: readonly (readonly number[])[];
  readonly #width: number;
  readonly #next: Int32Array;
  readonly #heard: Uint8Array;
  #offsets: Float64Array;
  #streams = STREAMS_FIRST;
  readonly #holes = new Map<number, Set<number>>();
  #holeCount = 0;
  repeated = 0;
  disordered = 0;
  repeatedCursors = 0;
  unfollowed = 0;
  /** Arrived on a channel that the client did not ask for. */
  strayed = 0;

  /** By client, the channels by number. */
  constructor(channelsOf: readonly (readonly number[])[]) {
    this.#channelsOf = channelsOf;
    this.#width = Math.max(1, ...channelsOf.map((own) => own.length));
    this.#next = new Int32Array(channelsOf.length * this.#width).fill(UNKNOWN);
    this.#heard = new Uint8Array(channelsOf.length);
    this.#offsets = new Float64Array(channelsOf.length * this.#streams).fill(-1);
  }

  /** From here on all is due to this client, beginning with `first` where nothing is known of a channel. */
  expectFrom(client: number, first: number): void {
    for (let slot = 0; slot < this.#width; slot++) {
      const at = client * this.#width + slot;
      if (this.#next[at] === UNKNOWN) this.#next[at] = first;
    }
  }

  /** Whether it got anything since it is this client. */
  hasHeard(client: number): boolean {
    return this.#heard[client] === 1;
  }

  /** The client leaves, and another comes in its place. What is missing of the first one's is lost for good. */
  leave(client: number): void {
    for (let at = client * this.#width; at < (client + 1) * this.#width; at++)
      this.#forgottenHoles += this.#holes.get(at)?.size ?? 0;
    this.#heard[client] = 0;
    this.forget(client);
  }

  /** What comes next is the beginning: the client was told of a gap. */
  forget(client: number): void {
    for (let at = client * this.#width; at < (client + 1) * this.#width; at++) {
      this.#next[at] = UNKNOWN;
      this.#holeCount -= this.#holes.get(at)?.size ?? 0;
      this.#holes.delete(at);
    }
    this.#offsets.fill(-1, client * this.#streams, (client + 1) * this.#streams);
  }

  cursor(client: number, stream: number, offset: number): void {
    this.#heard[client] = 1;
    if (stream >= STREAMS_MAX) {
      this.unfollowed += 1;
      return;
    }
    if (stream >= this.#streams) this.#growFor(stream);
    const at = client * this.#streams + stream;
    if (offset <= (this.#offsets[at] as number)) this.repeatedCursors += 1;
    else this.#offsets[at] = offset;
  }

  /** The greatest offset that the client saw of a stream; −1 for none. */
  offsetOf(client: number, stream: number): number {
    return stream < this.#streams ? (this.#offsets[client * this.#streams + stream] as number) : -1;
  }

  message(client: number, channel: number, n: number): void {
    const own = this.#channelsOf[client] as readonly number[];
    const likely = channel % own.length;
    const slot = own[likely] === channel ? likely : own.indexOf(channel);
    if (slot < 0) {
      this.strayed += 1;
      return;
    }
    const at = client * this.#width + slot;
    const next = this.#next[at] as number;
    if (n === next || next === UNKNOWN) this.#next[at] = n + 1;
    else if (n > next) this.#skip(at, next, n);
    else if (this.#holes.get(at)?.delete(n) === true) {
      this.#holeCount -= 1;
      this.disordered += 1;
    } else this.repeated += 1;
  }

  /** Messages that never came, of what was published: `published` by channel. */
  lost(published: readonly number[]): number {
    let lost = this.#holeCount + this.#forgottenHoles;
    for (const [client, own] of this.#channelsOf.entries()) {
      for (const [slot, channel] of own.entries()) {
        const next = this.#next[client * this.#width + slot] as number;
        if (next !== UNKNOWN) lost += Math.max(0, (published[channel] ?? 0) - next);
      }
    }
    return lost;
  }

  #forgottenHoles = 0;

  #growFor(stream: number): void {
    const before = this.#streams;
    while (this.#streams <= stream) this.#streams *= 2;
    const offsets = new Float64Array(this.#channelsOf.length * this.#streams).fill(-1);
    for (let client = 0; client < this.#channelsOf.length; client++)
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
