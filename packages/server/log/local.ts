import { randomUUID } from "node:crypto";
import { isChannelName } from "@shardcast/protocol/channel";
import type { Publication } from "../publication.ts";
import { entryBytesOf, LogSegment, type SegmentRoom, segmentBytesFor, segmentRoom } from "./localSegment.ts";
import type { LogStream, RangeRequest, RangeResult, StreamLog } from "./log.ts";
import { streamIdOf } from "./streamId.ts";

export interface EmbeddedLogOptions {
  /** Memory for entries and their index; the oldest give way. */
  readonly bytesMax: number;
  /** Builds what clients will see. Injected, because the log does not know routing. */
  readonly envelope: EnvelopeBuilder;
  /**
   * The stream is told of only when something is in it: where all that is published goes elsewhere, no client's mark
   * needs to name it.
   */
  readonly hidesEmpty?: boolean;
}

export interface EmbeddedMessage {
  readonly channel: string;
  readonly payload: Uint8Array | null;
}

export type EnvelopeBuilder = (
  head: {
    readonly channel: string;
    readonly streamId: string;
    readonly offset: number;
    readonly timestampMs: number;
  },
  payload: Uint8Array | null,
) => Uint8Array;

/** The oldest entries are let go of in steps of this part of the whole. */
const SEGMENTS = 16;
const SEGMENT_BYTES_MAX = 1024 * 1024;

/**
 * The log of what comes by HTTP or from the demo feed, in the supervisor's memory: one stream, which begins anew with
 * each start and is then another stream.
 */
export class EmbeddedLog implements StreamLog {
  readonly streamId: string;
  readonly #bytesMax: number;
  readonly #segmentBytes: number;
  readonly #envelope: EnvelopeBuilder;
  readonly #hidesEmpty: boolean;
  /** Oldest first, without holes between them. */
  readonly #segments: LogSegment[] = [];
  #bytes = 0;
  #next = 0;

  constructor(options: EmbeddedLogOptions) {
    this.streamId = streamIdOf("embedded", randomUUID(), 0);
    this.#bytesMax = options.bytesMax;
    this.#segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.ceil(options.bytesMax / SEGMENTS));
    this.#envelope = options.envelope;
    this.#hidesEmpty = options.hidesEmpty ?? false;
  }

  /** Bytes held, never more than `bytesMax`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The offset that the next entry gets. */
  get next(): number {
    return this.#next;
  }

  /** The first offset that can still be read; `next` where there is none. */
  get earliest(): number {
    return this.#segments[0]?.first ?? this.#next;
  }

  /** Appends one message. Throws as `appendAll` does. */
  append(channel: string, payload: Uint8Array | null, timestampMs: number): Publication {
    const [publication] = this.appendAll([{ channel, payload }], timestampMs);
    if (publication === undefined) throw new Error("what was appended is not there");
    return publication;
  }

  /**
   * Appends all messages, or none: throws `RangeError` for what is no channel, and for more than the whole log holds
   * at once, whose first would be gone when its last is there.
   */
  appendAll(messages: readonly EmbeddedMessage[], timestampMs: number): Publication[] {
    const publications = messages.map(({ channel, payload }, index) => {
      if (!isChannelName(channel)) throw new RangeError("a message needs a channel name");
      const offset = this.#next + index;
      const envelope = this.#envelope({ channel, streamId: this.streamId, offset, timestampMs }, payload);
      return { offset, timestampMs, channel, envelope };
    });
    if (this.#bytesWith(publications) > this.#bytesMax) {
      const bytes = publications.reduce((sum, { envelope }) => sum + envelope.length, 0);
      throw new RangeError(`${bytes} bytes are more than the log of ${this.#bytesMax} holds at once`);
    }
    for (const publication of publications) {
      if (!this.#segments.at(-1)?.append(publication)) {
        const bytes = Math.max(this.#segmentBytes, segmentBytesFor(publication));
        this.#begin(publication.offset, bytes).append(publication);
      }
      this.#next++;
    }
    return publications;
  }

  streams(): Promise<LogStream[]> {
    if (this.#hidesEmpty && this.#next === 0) return Promise.resolve([]);
    return Promise.resolve([
      { id: this.streamId, name: "embedded/0", earliest: this.earliest, next: this.#next },
    ]);
  }

  /** Envelopes in the result are views, valid for as long as they are held. */
  read(request: RangeRequest): Promise<RangeResult> {
    return Promise.resolve(this.#read(request));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #read({ streamId, after, through, bytesMax }: RangeRequest): RangeResult {
    if (streamId !== this.streamId) return { kind: "gone" };
    if (after >= this.#next) return { kind: "truncated", next: this.#next };
    if (after + 1 < this.earliest && through > after) {
      return { kind: "lost", through: Math.min(through, this.earliest - 1), reason: "retention" };
    }
    const last = Math.min(through, this.#next - 1);
    const publications: Publication[] = [];
    let bytes = 0;
    for (let offset = after + 1; offset <= last && (bytes < bytesMax || bytes === 0); offset++) {
      const publication = this.#segments.findLast((segment) => segment.first <= offset)?.read(offset);
      // What lies between `earliest` and `next` is there: segments go as a whole, from the oldest on.
      if (publication === undefined) throw new Error(`offset ${offset} is missing in the embedded log`);
      publications.push(publication);
      bytes += publication.envelope.length;
    }
    return { kind: "read", publications, through: after + publications.length };
  }

  /** What the segments take in which all of these stand: the newest one where the first still fits, and new ones. */
  #bytesWith(publications: readonly Publication[]): number {
    const tail = this.#segments.at(-1);
    let room: SegmentRoom = tail?.room ?? { bytes: 0, entries: 0 };
    let total = 0;
    for (const publication of publications) {
      const entryBytes = entryBytesOf(publication);
      if (entryBytes > room.bytes || room.entries === 0) {
        const bytes = Math.max(this.#segmentBytes, segmentBytesFor(publication));
        room = segmentRoom(bytes);
        total += bytes;
      } else if (total === 0) total = tail?.bytes ?? 0;
      room = { bytes: room.bytes - entryBytes, entries: room.entries - 1 };
    }
    return total;
  }

  /** Opens a segment, and lets the oldest go until it fits. */
  #begin(first: number, bytes: number): LogSegment {
    const segment = new LogSegment(first, bytes);
    this.#segments.push(segment);
    this.#bytes += segment.bytes;
    while (this.#bytes > this.#bytesMax && this.#segments.length > 1) {
      this.#bytes -= this.#segments.shift()?.bytes ?? 0;
    }
    return segment;
  }
}
