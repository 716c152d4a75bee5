import type { Publication } from "../publication.ts";
import type { HeadsFrame, RangeFrame } from "./frame.ts";
import {
  frameOverheadBytes,
  HEADS_ENTRY_BYTES_MAX,
  OMITTED_BYTES_MAX,
  publicationBytesMax,
} from "./frameCodec.ts";

export interface SplitLimits {
  /** What the bus takes. A publication that does not fit into a frame of this size by itself is omitted. */
  readonly frameBytesMax: number;
  /** A frame is closed when the next publication would take it beyond this. At most, and by default, `frameBytesMax`. */
  readonly frameBytesTarget?: number;
}

/**
 * Cuts a range into frames that join without a hole: each one's `after` is the `through` of the one before. Always
 * returns at least one frame. Throws `RangeError` where `frameBytesMax` would not even hold one omitted offset.
 */
export function splitRange(range: RangeFrame, limits: SplitLimits): RangeFrame[] {
  const overhead = frameOverheadBytes(range.publisher);
  const roomMax = limits.frameBytesMax - overhead;
  if (roomMax < OMITTED_BYTES_MAX)
    throw new RangeError(`frames of ${limits.frameBytesMax} bytes hold nothing`);
  const room = Math.min(roomMax, (limits.frameBytesTarget ?? limits.frameBytesMax) - overhead);

  const frames: RangeFrame[] = [];
  let publications: Publication[] = [];
  let omitted: number[] = [];
  let bytes = 0;
  let after = range.after;
  let last = range.after;
  const close = (through: number): void => {
    const { kind, publisher, streamId, epoch } = range;
    frames.push({ kind, publisher, streamId, after, through, epoch, publications, omitted });
    publications = [];
    omitted = [];
    bytes = 0;
    after = through;
  };
  for (const item of inOffsetOrder(range)) {
    const offset = typeof item === "number" ? item : item.offset;
    let itemBytes = typeof item === "number" ? OMITTED_BYTES_MAX : publicationBytesMax(item);
    const isOmitted = typeof item === "number" || itemBytes > roomMax;
    if (isOmitted) itemBytes = OMITTED_BYTES_MAX;
    if (bytes > 0 && bytes + itemBytes > room) close(last);
    if (isOmitted) omitted.push(offset);
    else publications.push(item);
    bytes += itemBytes;
    last = offset;
  }
  close(range.through);
  return frames;
}

/** Cuts heads into frames of at most `frameBytesMax`; none where there are no heads. */
export function splitHeads(frame: HeadsFrame, frameBytesMax: number): HeadsFrame[] {
  const entriesMax = Math.floor(
    (frameBytesMax - frameOverheadBytes(frame.publisher)) / HEADS_ENTRY_BYTES_MAX,
  );
  if (entriesMax < 1) throw new RangeError(`frames of ${frameBytesMax} bytes hold no head`);
  const frames: HeadsFrame[] = [];
  for (let start = 0; start < frame.heads.length; start += entriesMax) {
    frames.push({ ...frame, heads: frame.heads.slice(start, start + entriesMax) });
  }
  return frames;
}

function* inOffsetOrder(range: RangeFrame): Generator<Publication | number> {
  let next = 0;
  for (const publication of range.publications) {
    for (; next < range.omitted.length; next++) {
      const offset = range.omitted[next];
      if (offset === undefined || offset > publication.offset) break;
      yield offset;
    }
    yield publication;
  }
  yield* range.omitted.slice(next);
}
