import { isChannelName } from "@shardcast/protocol/channel";
import { STREAM_ID_LENGTH } from "@shardcast/protocol/cursor";
import type { Publication } from "../publication.ts";
import { type Frame, FrameError, type HeadsFrame, type RangeFrame } from "./frame.ts";
import { FrameReader } from "./frameReader.ts";
import { FrameWriter } from "./frameWriter.ts";

/** The first byte of every frame, so that foreign bytes on a shared bus are seen at once. */
const MAGIC = 0xc5;
const VERSION = 2;
const KIND_RANGE = 1;
const KIND_HEADS = 2;

/** No varint of a safe integer is longer. */
const VARINT_BYTES_MAX = 8;
/** Offset step, timestamp, channel length, envelope length. */
const PUBLICATION_OVERHEAD_BYTES = VARINT_BYTES_MAX + 8 + 1 + VARINT_BYTES_MAX;
/** A listed publication takes at least this: so many can a frame of a given size hold at most. */
const PUBLICATION_BYTES_MIN = 1 + 8 + 1 + 1 + 1;
const HEAD_BYTES_MAX = STREAM_ID_LENGTH + VARINT_BYTES_MAX;
const HEAD_BYTES_MIN = STREAM_ID_LENGTH + 1;
/** Magic, version, kind and the length of the publisher's name. */
const PREAMBLE_BYTES = 4;

/**
 * Encodes a frame. Layout: magic, version, kind, publisher; then for a range its stream, `after + 1`, the length of
 * the range, the leader epoch + 1, the omitted offsets and the publications; for heads, stream and `through + 1` of each. Integers are
 * LEB128 varints, offsets are steps from the one before, timestamps are 64-bit floats. Throws `RangeError` where the
 * frame breaks its own contract, because that is a defect of the caller.
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new FrameWriter(encodedBytesMax(frame));
  writer.byte(MAGIC);
  writer.byte(VERSION);
  writer.byte(frame.kind === "range" ? KIND_RANGE : KIND_HEADS);
  writer.shortText(frame.publisher);
  if (frame.kind === "range") encodeRange(writer, frame);
  else encodeHeads(writer, frame);
  return writer.finish();
}

/**
 * Decodes a frame. Envelopes are views of `bytes`. Throws `FrameError` on anything malformed, and never reads or
 * allocates more than the bytes that are there can justify.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const reader = new FrameReader(bytes);
  if (reader.byte() !== MAGIC) throw new FrameError("these bytes are no frame");
  const version = reader.byte();
  if (version !== VERSION) throw new FrameError(`frame version ${version} is not known`);
  const kind = reader.byte();
  const publisher = reader.shortText();
  if (kind === KIND_RANGE) return decodeRange(reader, publisher);
  if (kind === KIND_HEADS) return decodeHeads(reader, publisher);
  throw new FrameError(`frame kind ${kind} is not known`);
}

/** Bytes that a frame takes beside its publications and omitted offsets, at most. */
export function frameOverheadBytes(publisher: string): number {
  const counts = 5 * VARINT_BYTES_MAX;
  return PREAMBLE_BYTES + Buffer.byteLength(publisher) + STREAM_ID_LENGTH + counts;
}

/** Bytes that a publication takes in a frame, at most. */
export function publicationBytesMax(publication: Publication): number {
  return PUBLICATION_OVERHEAD_BYTES + publication.channel.length + publication.envelope.length;
}

/** Bytes that an omitted offset takes in a frame, at most. */
export const OMITTED_BYTES_MAX = VARINT_BYTES_MAX;

/** Bytes that one head takes in a frame, at most. */
export const HEADS_ENTRY_BYTES_MAX = HEAD_BYTES_MAX;

function encodedBytesMax(frame: Frame): number {
  let bytes = frameOverheadBytes(frame.publisher);
  if (frame.kind === "heads") return bytes + frame.heads.length * HEAD_BYTES_MAX;
  bytes += frame.omitted.length * OMITTED_BYTES_MAX;
  for (const publication of frame.publications) bytes += publicationBytesMax(publication);
  return bytes;
}

function encodeRange(writer: FrameWriter, frame: RangeFrame): void {
  if (frame.through < frame.after) throw new RangeError("a range ends before it begins");
  writer.ascii(frame.streamId, STREAM_ID_LENGTH);
  writer.varint(frame.after + 1);
  writer.varint(frame.through - frame.after);
  writer.varint((frame.epoch ?? -1) + 1);
  writer.varint(frame.omitted.length);
  let last = frame.after;
  for (const offset of frame.omitted) {
    writer.varint(stepBetween(last, offset, frame.through));
    last = offset;
  }
  writer.varint(frame.publications.length);
  last = frame.after;
  for (const publication of frame.publications) {
    writer.varint(stepBetween(last, publication.offset, frame.through));
    last = publication.offset;
    if (!isChannelName(publication.channel)) throw new RangeError("a publication needs a channel name");
    writer.float(publication.timestampMs);
    writer.byte(publication.channel.length);
    writer.ascii(publication.channel, publication.channel.length);
    writer.varint(publication.envelope.length);
    writer.bytes(publication.envelope);
  }
}

function decodeRange(reader: FrameReader, publisher: string): RangeFrame {
  const streamId = decodeStreamId(reader);
  const after = reader.varint() - 1;
  const through = after + reader.varint();
  if (!Number.isSafeInteger(through)) throw new FrameError("the range ends beyond what an offset can be");
  const epochNumber = reader.varint();
  const epoch = epochNumber === 0 ? undefined : epochNumber - 1;
  const omitted: number[] = [];
  let last = after;
  for (let left = reader.count(1); left > 0; left--) {
    last = decodeOffset(reader, last, through);
    omitted.push(last);
  }
  const publications: Publication[] = [];
  last = after;
  for (let left = reader.count(PUBLICATION_BYTES_MIN); left > 0; left--) {
    last = decodeOffset(reader, last, through);
    const timestampMs = reader.float();
    if (!Number.isInteger(timestampMs)) throw new FrameError("a timestamp is no whole number of ms");
    const channel = reader.ascii(reader.byte());
    if (!isChannelName(channel)) throw new FrameError("a channel name is malformed");
    const envelope = reader.bytes(reader.varint());
    publications.push({ offset: last, timestampMs, channel, envelope });
  }
  reader.end();
  refuseOverlap(publications, omitted);
  return { kind: "range", publisher, streamId, after, through, epoch, publications, omitted };
}

function encodeHeads(writer: FrameWriter, frame: HeadsFrame): void {
  writer.varint(frame.heads.length);
  for (const head of frame.heads) {
    writer.ascii(head.streamId, STREAM_ID_LENGTH);
    writer.varint(head.through + 1);
  }
}

function decodeHeads(reader: FrameReader, publisher: string): HeadsFrame {
  const heads: HeadsFrame["heads"][number][] = [];
  for (let left = reader.count(HEAD_BYTES_MIN); left > 0; left--) {
    heads.push({ streamId: decodeStreamId(reader), through: reader.varint() - 1 });
  }
  reader.end();
  return { kind: "heads", publisher, heads };
}

function decodeStreamId(reader: FrameReader): string {
  const streamId = reader.ascii(STREAM_ID_LENGTH);
  if (!/^[0-9a-z]{7}$/.test(streamId)) throw new FrameError("a stream id is malformed");
  return streamId;
}

function stepBetween(last: number, offset: number, through: number): number {
  if (offset <= last || offset > through) throw new RangeError("offsets stand out of order or out of range");
  return offset - last;
}

function decodeOffset(reader: FrameReader, last: number, through: number): number {
  const step = reader.varint();
  if (step === 0 || step > through - last) throw new FrameError("offsets stand out of order or out of range");
  return last + step;
}

/** An offset that is both listed and omitted would be delivered twice or not at all, depending on who reads it. */
function refuseOverlap(publications: readonly Publication[], omitted: readonly number[]): void {
  if (omitted.length === 0) return;
  const listed = new Set(publications.map((publication) => publication.offset));
  if (omitted.some((offset) => listed.has(offset))) throw new FrameError("an offset is listed and omitted");
}
