import type { Publication } from "../publication.ts";

/** Timestamp and length of the channel. */
const ENTRY_HEADER_BYTES = 9;
/** Where an entry ends, in the segment's index: an element of an array. */
const INDEX_BYTES = 8;

/** The index gets one byte in so many: envelopes hardly come smaller than 100 bytes. */
const INDEX_SHARE = 12;

/** What a segment can still take. */
export interface SegmentRoom {
  readonly bytes: number;
  readonly entries: number;
}

/** What an entry takes of its segment's room. */
export function entryBytesOf({ channel, envelope }: Publication): number {
  return ENTRY_HEADER_BYTES + channel.length + envelope.length;
}

/** The room of an empty segment of this size. */
export function segmentRoom(bytes: number): SegmentRoom {
  // Entries smaller than this leave some of the block unused, rather than let the index outgrow its share.
  const indexBytes = Math.max(INDEX_BYTES, Math.floor(bytes / INDEX_SHARE));
  return { bytes: bytes - indexBytes, entries: Math.floor(indexBytes / INDEX_BYTES) };
}

/** The size of a segment that holds just this entry. */
export function segmentBytesFor(publication: Publication): number {
  const entryBytes = INDEX_BYTES + entryBytesOf(publication);
  return Math.ceil((entryBytes * INDEX_SHARE) / (INDEX_SHARE - 1)) + 1;
}

/**
 * A stretch of the embedded log in one block of bytes, which the garbage collector passes over, unlike millions of
 * strings. Written once, never changed, so that views of it stay true.
 */
export class LogSegment {
  /** The offset of the first entry. */
  readonly first: number;
  /** What it may take in memory at most, its index included. */
  readonly bytes: number;
  readonly #block: Buffer;
  readonly #ends: number[] = [];
  readonly #indexMax: number;

  constructor(first: number, bytes: number) {
    this.first = first;
    this.bytes = bytes;
    const room = segmentRoom(bytes);
    this.#indexMax = room.entries;
    this.#block = Buffer.allocUnsafeSlow(room.bytes);
  }

  get room(): SegmentRoom {
    const used = this.#ends.at(-1) ?? 0;
    return { bytes: this.#block.length - used, entries: this.#indexMax - this.#ends.length };
  }

  /** False where it does not fit any more. */
  append(publication: Publication): boolean {
    const { timestampMs, channel, envelope } = publication;
    const start = this.#ends.at(-1) ?? 0;
    const end = start + entryBytesOf(publication);
    if (end > this.#block.length || this.#ends.length === this.#indexMax) return false;
    this.#block.writeDoubleBE(timestampMs, start);
    this.#block[start + 8] = channel.length;
    this.#block.write(channel, start + ENTRY_HEADER_BYTES, "latin1");
    this.#block.set(envelope, start + ENTRY_HEADER_BYTES + channel.length);
    this.#ends.push(end);
    return true;
  }

  read(offset: number): Publication | undefined {
    const index = offset - this.first;
    const end = this.#ends[index];
    if (end === undefined) return undefined;
    const start = index === 0 ? 0 : (this.#ends[index - 1] ?? 0);
    const channelStart = start + ENTRY_HEADER_BYTES;
    const envelopeStart = channelStart + (this.#block[start + 8] ?? 0);
    return {
      offset,
      timestampMs: this.#block.readDoubleBE(start),
      channel: this.#block.toString("latin1", channelStart, envelopeStart),
      envelope: this.#block.subarray(envelopeStart, end),
    };
  }
}
