import { formatCursor } from "@shardcast/protocol/cursor";

/**
 * Streams whose cursors are kept beside the mark, far above what one refresh interval needs. Beyond it a resume
 * begins at the mark, and what came after the mark in those streams is delivered again.
 */
export const CURSORS_MAX = 4000;

/** So many cursors are worth a fresh mark, which replaces them all. */
const CURSORS_WORTH_A_MARK = 256;

/** So many entries of a `since` are sent as they are. */
const CURSORS_SENT_MAX = 100;

/**
 * How far everything that has settled was delivered: the last mark, and for each stream the greatest offset seen
 * after it. The mark stays opaque, and a new one replaces the old instead of being joined with it, so that a stream
 * whose log was cut back becomes smaller here, too.
 */
export class ResumePosition {
  mark: string | undefined;
  readonly #offsets = new Map<string, number>();
  #shorten: ((entries: readonly string[]) => readonly string[]) | undefined;

  /** Only for a mark that arrived after everything below it, of every settled channel. */
  adopt(mark: string): void {
    this.mark = mark;
    this.#offsets.clear();
  }

  /** Returns whether it is time to ask the server for a fresh mark. */
  saw(streamId: string, offset: number): boolean {
    const known = this.#offsets.get(streamId);
    const { size } = this.#offsets;
    const isNew = known === undefined && size < CURSORS_MAX;
    if (isNew || offset > (known ?? offset)) this.#offsets.set(streamId, offset);
    if (isNew && size === CURSORS_SENT_MAX) this.#load();
    return isNew && (size + 1) % CURSORS_WORTH_A_MARK === 0;
  }

  /** The list for a `subscribe` request. */
  since(): readonly string[] {
    const entries = this.mark === undefined ? [] : [this.mark];
    for (const [streamId, offset] of this.#offsets) entries.push(formatCursor(streamId, offset));
    return entries.length > CURSORS_SENT_MAX && this.#shorten ? this.#shorten(entries) : entries;
  }

  /**
   * Thousands of cursors beside a mark would not fit in the message that a server takes. Few clients see so many streams, so
   * what writes them shorter is loaded by those alone. Without it, as without a network, the list goes out as it is, and
   * the next time that there are so many cursors it is tried again.
   */
  #load(): void {
    import("@shardcast/protocol/mark").then(
      ({ shortenSince }) => {
        this.#shorten = shortenSince;
      },
      () => {},
    );
  }
}
