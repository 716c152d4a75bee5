import type { Publication } from "../publication.ts";

/**
 * A frame states a range `(after, through]` of its stream: every offset in it is either listed or holds no
 * publication. `omitted` lists offsets whose publication is larger than the bus takes: it is in the log, and shards
 * fetch it there.
 */
export interface RangeFrame {
  readonly kind: "range";
  /** At most 255 bytes in UTF-8. */
  readonly publisher: string;
  readonly streamId: string;
  readonly after: number;
  readonly through: number;
  /**
   * The leader epoch of everything in the range, where its log has such a thing. An offset with an older epoch is of a
   * log that has lost its end since (docs/decisions/truncation.md).
   */
  readonly epoch?: number | undefined;
  /** In offset order. */
  readonly publications: readonly Publication[];
  /** In offset order. */
  readonly omitted: readonly number[];
}

/** Where each of a publisher's streams ends, so that the loss of the last frame before a silence is noticed too. */
export interface HeadsFrame {
  readonly kind: "heads";
  readonly publisher: string;
  readonly heads: ReadonlyArray<{ readonly streamId: string; readonly through: number }>;
}

export type Frame = RangeFrame | HeadsFrame;

export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly code = "frame_malformed";
}
