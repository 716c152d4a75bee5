/** Pairs of channel and stream that one subscription remembers. One is a few dozen bytes. */
export const GUARD_ENTRIES_MAX = 10_000;

/**
 * Keeps what was delivered during an unfinished resume from being delivered again by the next one: for each channel and stream
 * the last offset, and the connection on which it came.
 *
 * A resume begins at an old position, and that position can move only when all of it is answered. When the connection
 * breaks before that, the next resume begins at the same position and repeats what the first had already brought.
 *
 * It never drops a message that is due: of one channel and stream, messages that are brought for this subscription arrive
 * in offset order on each connection and begin at the same position, so when offset o was delivered on an *earlier*
 * connection, everything up to o was. Offsets are compared with those of earlier connections only. One guard over all
 * channels would be wrong: a replay of channel A brings older offsets than were seen of channel B in the same stream.
 */
export type ReplayGuard = Map<string, readonly [offset: number, connection: number]>;

/**
 * Whether an earlier connection has brought it. `connection` counts connections up. `onFull` is called where it is new, but
 * cannot be remembered.
 */
export function isRepeated(
  guard: ReplayGuard,
  pair: string,
  offset: number,
  connection: number,
  onFull: () => void,
): boolean {
  const last = guard.get(pair);
  if (last && offset <= last[0] && last[1] < connection) return true;
  if (last || guard.size < GUARD_ENTRIES_MAX) guard.set(pair, [offset, connection]);
  else onFull();
  return false;
}
