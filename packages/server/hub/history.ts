import type { Publication } from "../publication.ts";

/**
 * The recent past of all channels of one shard: one log of byte segments, and for each channel the places of its
 * entries in it. Bytes are copied in, because a view would pin the whole frame that it was cut from, and strings cost
 * far longer pauses of the garbage collector.
 *
 * Entries are dropped oldest first, whatever their channel, so completeness needs one number per stream: from which
 * offset on everything is here (`floor`), plus one per channel where the cap on its messages has dropped more.
 */
export class History {
  readonly #limits: HistoryLimits;
  readonly #now: () => number;
  readonly #segmentBytes: number;
  readonly #segments: Segment[] = [];
  readonly #channels = new Map<string, ChannelHistory>();
  /** Slots by number; entries name their stream by it. */
  readonly #slots: StreamSlot[] = [];
  #firstSegment = 0;
  #capacityBytes = 0;
  #retainedBytes = 0;
  /** Channels whose last value has outlived its segment, oldest first. */
  readonly #retained = new Map<string, ChannelHistory>();
  #droppedLastValues = 0;

  constructor(limits: HistoryLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    // Sixteen segments at least, so that dropping one loses little; a megabyte at most, so that an idle shard is small.
    this.#segmentBytes = Math.max(4096, Math.min(1 << 20, Math.floor(limits.bytesMax / 16)));
  }

  /** A stream's place in this history. A stream that begins a new epoch gets a new slot: old entries never answer. */
  openSlot(streamId: string, next: number): StreamSlot {
    const slot: StreamSlot = { index: this.#slots.length, streamId, next, floor: next, gone: false };
    this.#slots.push(slot);
    return slot;
  }

  append(slot: StreamSlot, publication: Publication): void {
    const { channel, envelope, offset } = publication;
    const bytes = HEADER_BYTES + envelope.length;
    if (bytes > this.#limits.bytesMax) {
      // It does not fit at all: as if it had been written and dropped at once.
      slot.floor = offset + 1;
      const known = this.#channels.get(channel);
      if (known !== undefined) known.newestIsMissing = true;
      return;
    }
    // Making room can forget channels, this one too, so the channel is looked up after it.
    const segment = this.#segmentWithRoom(bytes);
    const history = this.#channelFor(channel);
    history.noteSlot(slot.index);
    history.newestIsMissing = false;
    const position = segment.number * this.#segmentBytes + segment.used;
    segment.write(slot.index, offset, this.#now(), history, envelope);
    if (history.count > 0 && history.count >= this.#limits.messagesMax) this.#dropOldestOf(history);
    history.push(position);
    if (history.retained !== undefined) this.#forgetRetained(history);
    // A limit of none still leaves the last value.
    if (this.#limits.messagesMax === 0) {
      history.shift();
      // The stream's and not the channel's: that one may be forgotten while messages of it are missing.
      slot.floor = offset + 1;
      this.#retain(history, envelope.slice());
    }
  }

  /** Drops what is older than the limit. Call about once a second. */
  expire(): void {
    const oldest = this.#now() - this.#limits.ageMsMax;
    for (
      let first = this.#segments[0];
      first !== undefined && first.newestMs < oldest;
      first = this.#segments[0]
    ) {
      this.#dropFirstSegment();
    }
    // A feed that hardly fills its segment must not keep what is in it beyond the limit.
    const first = this.#segments[0];
    if (first !== undefined) this.#dropEntries(first, (entry) => entry.storedMs < oldest);
  }

  channel(name: string): ChannelHistory | undefined {
    return this.#channels.get(name);
  }

  /** Every channel that begins with the prefix. */
  *channelsWithPrefix(prefix: string): Iterable<ChannelHistory> {
    for (const [name, history] of this.#channels) if (name.startsWith(prefix)) yield history;
  }

  channels(): Iterable<ChannelHistory> {
    return this.#channels.values();
  }

  /** The entry at a place that a channel's history gave in this same turn. */
  entryAt(position: number): HistoryEntry {
    const number = Math.floor(position / this.#segmentBytes);
    const segment = this.#segments[number - this.#firstSegment];
    if (segment === undefined) throw new Error(`history position ${position} was dropped`);
    return segment.read(position - number * this.#segmentBytes, position);
  }

  slot(index: number): StreamSlot {
    const slot = this.#slots[index];
    if (slot === undefined) throw new Error(`no stream slot ${index}`);
    return slot;
  }

  /** A channel's newest envelope, which stays when its segment goes, as far as the limit for those allows. */
  lastValue(channel: string): Uint8Array | undefined {
    const history = this.#channels.get(channel);
    if (history === undefined || history.newestIsMissing) return undefined;
    const newest = history.newest();
    return newest === undefined ? history.retained : this.entryAt(newest).envelope;
  }

  stats(): HistoryStats {
    return {
      channels: this.#channels.size,
      capacityBytes: this.#capacityBytes,
      retainedBytes: this.#retainedBytes,
      droppedLastValues: this.#droppedLastValues,
    };
  }

  #channelFor(name: string): ChannelHistory {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const created = new ChannelHistory(name);
    this.#channels.set(name, created);
    return created;
  }

  #segmentWithRoom(bytes: number): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.used + bytes <= last.bytes.length && last.used < this.#segmentBytes)
      return last;
    const size = Math.max(this.#segmentBytes, bytes);
    let reusable: Uint8Array | undefined;
    while (this.#capacityBytes + size > this.#limits.bytesMax && this.#segments.length > 0) {
      const dropped = this.#dropFirstSegment();
      if (dropped.length === size) reusable = dropped;
    }
    const segment = new Segment(this.#firstSegment + this.#segments.length, reusable ?? new Uint8Array(size));
    this.#segments.push(segment);
    this.#capacityBytes += size;
    return segment;
  }

  #dropFirstSegment(): Uint8Array {
    const segment = this.#segments.shift();
    if (segment === undefined) throw new Error("no history segment to drop");
    this.#firstSegment += 1;
    this.#capacityBytes -= segment.bytes.length;
    this.#dropEntries(segment, () => true);
    return segment.bytes;
  }

  /** Drops entries from the front of the first segment as long as `isOver` holds. */
  #dropEntries(segment: Segment, isOver: (entry: HistoryEntry) => boolean): void {
    const base = segment.number * this.#segmentBytes;
    for (let first = segment.first(); first !== undefined; first = segment.first()) {
      const { at, channel } = first;
      const entry = segment.read(at, base + at);
      if (!isOver(entry)) return;
      segment.skipFirst();
      const slot = this.slot(entry.slot);
      if (slot.floor <= entry.offset) slot.floor = entry.offset + 1;
      // The cap may have taken the place out of the channel already.
      if (channel.oldest() !== entry.position) continue;
      channel.shift();
      if (channel.count === 0) this.#retain(channel, entry.envelope.slice());
    }
  }

  #retain(channel: ChannelHistory, envelope: Uint8Array): void {
    channel.shrink();
    channel.retained = envelope;
    this.#retained.set(channel.name, channel);
    this.#retainedBytes += envelope.length;
    for (const oldest of this.#retained.values()) {
      if (this.#retainedBytes <= this.#limits.lastValueBytesMax) break;
      this.#forgetRetained(oldest);
      this.#channels.delete(oldest.name);
      this.#droppedLastValues += 1;
    }
  }

  #forgetRetained(channel: ChannelHistory): void {
    this.#retainedBytes -= channel.retained?.length ?? 0;
    channel.retained = undefined;
    this.#retained.delete(channel.name);
  }

  #dropOldestOf(history: ChannelHistory): void {
    const position = history.shift();
    const entry = this.entryAt(position);
    history.raiseFloor(entry.slot, entry.offset + 1);
  }
}

export interface HistoryLimits {
  /** Messages kept per channel. */
  readonly messagesMax: number;
  /** Capacity of all segments together. */
  readonly bytesMax: number;
  readonly ageMsMax: number;
  /** Bytes of last values that have outlived their segments. */
  readonly lastValueBytesMax: number;
}

export interface HistoryStats {
  readonly channels: number;
  readonly capacityBytes: number;
  readonly retainedBytes: number;
  readonly droppedLastValues: number;
}

export interface StreamSlot {
  readonly index: number;
  readonly streamId: string;
  /** The offset after the last one handed to the hub. */
  next: number;
  /** History holds everything from this offset on (but for what single channels' caps dropped). */
  floor: number;
  /** The log knows the stream no more. */
  gone: boolean;
}

export interface HistoryEntry {
  readonly position: number;
  readonly slot: number;
  readonly offset: number;
  /** When it was appended, by this history's clock. */
  readonly storedMs: number;
  /** A view into a segment: good for this turn only. */
  readonly envelope: Uint8Array;
}

const RING_ENTRIES_MIN = 4;

/** The places of one channel's entries, in order of delivery: a ring of numbers that grows by doubling. */
export class ChannelHistory {
  readonly name: string;
  retained: Uint8Array | undefined = undefined;
  /** The newest message was too large to be kept, so that what is here is not the last value. */
  newestIsMissing = false;
  count = 0;
  #ring = new Float64Array(RING_ENTRIES_MIN);
  #head = 0;
  /** Numbers of the slots that ever fed this channel: nearly always one. */
  readonly slots: number[] = [];
  /** Where the cap on messages dropped entries: for a slot's number, from which offset on all is here. */
  #floors: Map<number, number> | undefined = undefined;

  constructor(name: string) {
    this.name = name;
  }

  noteSlot(slot: number): void {
    if (!this.slots.includes(slot)) this.slots.push(slot);
  }

  push(position: number): void {
    if (this.count === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.count) % this.#ring.length] = position;
    this.count += 1;
  }

  shift(): number {
    const position = this.at(0);
    this.#head = (this.#head + 1) % this.#ring.length;
    this.count -= 1;
    return position;
  }

  at(index: number): number {
    const position = index < this.count ? this.#ring[(this.#head + index) % this.#ring.length] : undefined;
    if (position === undefined)
      throw new Error(`channel history has ${this.count} entries, not ${index + 1}`);
    return position;
  }

  /** Gives back what a burst has grown. Only while there are no entries. */
  shrink(): void {
    if (this.#ring.length > RING_ENTRIES_MIN) this.#ring = new Float64Array(RING_ENTRIES_MIN);
    this.#head = 0;
  }

  oldest(): number | undefined {
    return this.count === 0 ? undefined : this.at(0);
  }

  newest(): number | undefined {
    return this.count === 0 ? undefined : this.at(this.count - 1);
  }

  floor(slot: number): number {
    return this.#floors?.get(slot) ?? 0;
  }

  raiseFloor(slot: number, next: number): void {
    this.#floors ??= new Map();
    if ((this.#floors.get(slot) ?? 0) < next) this.#floors.set(slot, next);
  }

  #grow(): void {
    const larger = new Float64Array(this.#ring.length * 2);
    for (let i = 0; i < this.count; i++) larger[i] = this.at(i);
    this.#ring = larger;
    this.#head = 0;
  }
}

/** Slot, length, offset, time: then the envelope. */
const HEADER_BYTES = 24;

class Segment {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** The channel of each entry, in order: a header could only name it by a number that needs a table. */
  readonly #channels: ChannelHistory[] = [];
  used = 0;
  /** Entries dropped from the front, and where the next one begins. */
  #dropped = 0;
  #firstAt = 0;
  newestMs = 0;

  constructor(number: number, bytes: Uint8Array) {
    this.number = number;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  write(slot: number, offset: number, nowMs: number, channel: ChannelHistory, envelope: Uint8Array): void {
    const at = this.used;
    this.#view.setUint32(at, slot);
    this.#view.setUint32(at + 4, envelope.length);
    this.#view.setFloat64(at + 8, offset);
    this.#view.setFloat64(at + 16, nowMs);
    this.bytes.set(envelope, at + HEADER_BYTES);
    this.#channels.push(channel);
    this.used = at + HEADER_BYTES + envelope.length;
    this.newestMs = nowMs;
  }

  /** The oldest entry that was not dropped yet. */
  first(): { readonly at: number; readonly channel: ChannelHistory } | undefined {
    const channel = this.#channels[this.#dropped];
    return channel === undefined ? undefined : { at: this.#firstAt, channel };
  }

  skipFirst(): void {
    this.#firstAt += HEADER_BYTES + this.#view.getUint32(this.#firstAt + 4);
    this.#dropped += 1;
  }

  read(at: number, position: number): HistoryEntry {
    const length = this.#view.getUint32(at + 4);
    return {
      position,
      slot: this.#view.getUint32(at),
      offset: this.#view.getFloat64(at + 8),
      storedMs: this.#view.getFloat64(at + 16),
      envelope: this.bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length),
    };
  }
}
