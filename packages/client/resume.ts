import { type Cursor, formatCursor } from "@shardcast/protocol/cursor";

/**
 * Streams whose cursors are kept beside the mark, far above what one refresh interval needs. Beyond it a resume
 * begins at the mark, and what came after the mark in those streams is delivered again.
 */
export const CURSORS_MAX = 4000;

/** So many cursors are worth a fresh mark, which replaces them all. */
const CURSORS_WORTH_A_MARK = 256;

/**
 * How far everything that has settled was delivered: the last mark, and for each stream the greatest offset seen
 * after it. The mark stays opaque, and a new one replaces the old instead of being joined with it, so that a stream
 * whose log was cut back becomes smaller here, too.
 */
export interface ResumePosition {
  lastMark(): string | undefined;
  /** Only for a mark that arrived after everything below it, of every settled channel. */
  adoptMark(mark: string): void;
  /** Returns whether it is time to ask the server for a fresh mark. */
  saw(cursor: Cursor): boolean;
  /** The list for a `subscribe` request. */
  toSince(): readonly string[];
}

export function createResumePosition(): ResumePosition {
  let mark: string | undefined;
  const offsets = new Map<string, number>();
  let shorten: ((entries: readonly string[]) => readonly string[]) | undefined;

  return {
    lastMark: () => mark,
    adoptMark(fresh) {
      mark = fresh;
      offsets.clear();
    },
    saw({ streamId, offset }) {
      const { size } = offsets;
      const known = offsets.get(streamId) ?? (size < CURSORS_MAX ? -1 : offset);
      if (offset <= known) return false;
      offsets.set(streamId, offset);
      if (offsets.size === size || offsets.size % CURSORS_WORTH_A_MARK) return false;
      // Thousands of cursors beside a mark would not fit in the message that a server takes. Few clients see so many streams,
      // so what writes them shorter is loaded by those alone. Without it, as without a network, the list goes out as it is,
      // and the next time that there are so many cursors it is tried again.
      import("@shardcast/protocol/mark").then(
        (mark) => {
          shorten = mark.shortenSince;
        },
        () => {},
      );
      return true;
    },
    toSince() {
      const entries = [...offsets].map(([streamId, offset]) => formatCursor(streamId, offset));
      if (mark) entries.unshift(mark);
      return shorten?.(entries) ?? entries;
    },
  };
}
