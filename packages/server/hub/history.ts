import type { Publication } from "../publication.ts";
import { ChannelHistory } from "./channelHistory.ts";
import { NameIndex } from "./nameIndex.ts";
import { HEADER_BYTES, type HistoryEntry, Segment } from "./segment.ts";

export type { ChannelHistory } from "./channelHistory.ts";
export type { HistoryEntry } from "./segment.ts";

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
  readonly #index = new NameIndex<ChannelHistory>();
  /** Slots by number; entries name their stream by it. */
  readonly #slots: StreamSlot[] = [];
  #firstSegment = 0;
  #capacityBytes = 0;
  /** Entries in the segments, and what the channels that have any take beside them. */
  #entries = 0;
  #channelBytes = 0;
  #retainedBytes = 0;
  /** Channels whose last value has outlived its segment, oldest first. */
  readonly #retained = new Map<string, ChannelHistory>();
  #droppedLastValues = 0;

  constructor(limits: HistoryLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    // Many segments, so that dropping one loses little, and one of very short messages takes not much more than its
    // share with all that is charged for them; a megabyte at most, so that an idle shard is small.
    this.#segmentBytes = Math.max(4096, Math.min(1 << 20, Math.floor(limits.bytesMax / 64)));
  }

  /** A stream's place in this history. A stream that begins a new epoch gets a new slot: old entries never answer. */
  openSlot(streamId: string, next: number): StreamSlot {
    const slot: StreamSlot = {
      index: this.#slots.length,
      streamId,
      next,
      floor: next,
      gone: false,
      isEndUnknown: false,
    };
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
    if (history.retained !== undefined) this.#forgetRetained(history);
    if (history.count === 0) this.#channelBytes += channelBytes(history);
    history.noteSlot(slot.index);
    history.newestIsMissing = false;
    const position = segment.number * this.#segmentBytes + segment.used;
    segment.write(slot.index, offset, this.#now(), history, envelope);
    if (history.count > 0 && history.count >= this.#limits.messagesMax) this.#dropOldestOf(history);
    history.push(position);
    this.#entries += 1;
    // A limit of none still leaves the last value.
    if (this.#limits.messagesMax === 0) {
      history.shift();
      this.#channelBytes -= channelBytes(history);
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

  /** Every channel that begins with the prefix, by name; from behind the name `after` on. Good for this turn only. */
  channelsWithPrefix(prefix: string, after?: string): Iterable<ChannelHistory> {
    return this.#index.withPrefix(prefix, after);
  }

  channels(): Iterable<ChannelHistory> {
    return this.#channels.values();
  }

  /** Before it are the places of all entries so far, and not before it those of all that follow. */
  get end(): number {
    const last = this.#segments.at(-1);
    // One whose last entry is too large for it ends within it all the same: no other begins behind that.
    if (last === undefined) return this.#firstSegment * this.#segmentBytes;
    return last.number * this.#segmentBytes + Math.min(last.used, this.#segmentBytes);
  }

  /** The entry at a place that a channel's history gave in this same turn. */
  entryAt(position: number): HistoryEntry {
    const segment = this.#segmentOf(position);
    return segment.read(position - segment.number * this.#segmentBytes, position);
  }

  /** The number of the slot of the entry at a place, without reading the rest. */
  slotAt(position: number): number {
    const segment = this.#segmentOf(position);
    return segment.slotAt(position - segment.number * this.#segmentBytes);
  }

  offsetAt(position: number): number {
    const segment = this.#segmentOf(position);
    return segment.offsetAt(position - segment.number * this.#segmentBytes);
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

  /** How many last values were dropped for room. */
  get droppedLastValues(): number {
    return this.#droppedLastValues;
  }

  stats(): HistoryStats {
    return {
      channels: this.#channels.size,
      capacityBytes: this.#capacityBytes,
      overheadBytes: this.#overheadBytes,
      retainedBytes: this.#retainedBytes,
      droppedLastValues: this.#droppedLastValues,
    };
  }

  #channelFor(name: string): ChannelHistory {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const created = new ChannelHistory(name);
    this.#channels.set(name, created);
    this.#index.add(created);
    return created;
  }

  #segmentOf(position: number): Segment {
    const segment = this.#segments[Math.floor(position / this.#segmentBytes) - this.#firstSegment];
    if (segment === undefined) throw new Error(`history position ${position} was dropped`);
    return segment;
  }

  get #overheadBytes(): number {
    return this.#entries * ENTRY_BYTES + this.#channelBytes;
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#capacityBytes + this.#overheadBytes + bytes <= this.#limits.bytesMax;
  }

  #segmentWithRoom(bytes: number): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.used + bytes <= last.bytes.length && last.used < this.#segmentBytes) {
      // What is charged beside the bytes has grown since that segment was begun. It is never dropped itself here.
      while (!this.#hasRoomFor(0) && this.#segments.length > 1) this.#dropFirstSegment();
      return last;
    }
    const size = Math.max(this.#segmentBytes, bytes);
    let reusable: Uint8Array | undefined;
    while (!this.#hasRoomFor(size) && this.#segments.length > 0) {
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
    this.#entries -= segment.entries;
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
      if (channel.count > 0) continue;
      this.#channelBytes -= channelBytes(channel);
      this.#retain(channel, entry.envelope.slice());
    }
  }

  #retain(channel: ChannelHistory, envelope: Uint8Array): void {
    channel.shrink();
    channel.retained = envelope;
    this.#retained.set(channel.name, channel);
    this.#retainedBytes += retainedBytes(channel, envelope);
    for (const oldest of this.#retained.values()) {
      if (this.#retainedBytes <= this.#limits.lastValueBytesMax) break;
      this.#forgetRetained(oldest);
      this.#channels.delete(oldest.name);
      this.#index.delete(oldest);
      this.#droppedLastValues += 1;
    }
  }

  #forgetRetained(channel: ChannelHistory): void {
    if (channel.retained !== undefined) this.#retainedBytes -= retainedBytes(channel, channel.retained);
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
  /** Capacity of all segments together, and what is charged for the channels and entries in them. */
  readonly bytesMax: number;
  readonly ageMsMax: number;
  /** The same for last values that have outlived their segments. */
  readonly lastValueBytesMax: number;
}

export interface HistoryStats {
  readonly channels: number;
  readonly capacityBytes: number;
  /** Charged for channels and entries, beside that. */
  readonly overheadBytes: number;
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
  /** It died with the instance that had it: more may have been in it, so that nobody resumes from it. */
  isEndUnknown: boolean;
}

/**
 * What a channel takes beside its bytes (objects, its places in tables), and what an entry takes (in its channel's ring and
 * its segment's list), as measured with short names under Bun 1.4. Without them a million short messages, each of a channel of
 * its own, would take ten times what history was given.
 */
const CHANNEL_BYTES = 400;
const ENTRY_BYTES = 24;
/** A last value on its own is an object of its own. */
const RETAINED_BYTES = 100;

function channelBytes(channel: ChannelHistory): number {
  return CHANNEL_BYTES + channel.name.length;
}

function retainedBytes(channel: ChannelHistory, envelope: Uint8Array): number {
  return RETAINED_BYTES + channelBytes(channel) + envelope.length;
}
