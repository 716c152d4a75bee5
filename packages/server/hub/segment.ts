import type { ChannelHistory } from "./channelHistory.ts";

export interface HistoryEntry {
  readonly position: number;
  readonly slot: number;
  readonly offset: number;
  /** When it was appended, by this history's clock. */
  readonly storedMs: number;
  /** A view into a segment: good for this turn only. */
  readonly envelope: Uint8Array;
}

/** Slot, length, offset, time: then the envelope. */
export const HEADER_BYTES = 24;

/** A stretch of history: entries of all channels, one after another, in one block of bytes. */
export class Segment {
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

  get entries(): number {
    return this.#channels.length;
  }

  slotAt(at: number): number {
    return this.#view.getUint32(at);
  }

  offsetAt(at: number): number {
    return this.#view.getFloat64(at + 8);
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
