/** Pairs of channel and stream that one subscription remembers. One is a few dozen bytes. */
export const GUARD_ENTRIES_MAX = 10_000;

/**
 * Keeps what was delivered during an unfinished resume from being delivered again by the next one.
 *
 * A resume begins at an old position, and that position can move only when all of it is answered. When the connection
 * breaks before that, the next resume begins at the same position and repeats what the first had already brought.
 *
 * It never drops a message that is due: of one channel and stream, messages arrive in offset order on each
 * connection and begin at the same position, so when offset o was delivered on an *earlier* connection, everything
 * up to o was. Offsets are compared with those of earlier connections only. One guard over all channels would be
 * wrong: a replay of channel A brings older offsets than were seen of channel B in the same stream.
 */
export class ReplayGuard {
  readonly #delivered = new Map<string, { offset: number; connection: number }>();

  /** `connection` counts connections up. `full` means: deliver it, but it cannot be remembered. */
  admit(channel: string, streamId: string, offset: number, connection: number): "new" | "repeated" | "full" {
    const key = `${channel} ${streamId}`;
    const last = this.#delivered.get(key);
    if (last === undefined) {
      if (this.#delivered.size >= GUARD_ENTRIES_MAX) return "full";
      this.#delivered.set(key, { offset, connection });
      return "new";
    }
    if (last.connection < connection && offset <= last.offset) return "repeated";
    last.offset = offset;
    last.connection = connection;
    return "new";
  }
}
