/** Channels in one request. Servers take at least as many. */
export const BATCH_CHANNELS_MAX = 500;

/** Bytes of one request, below the 64 KB that servers take by default. */
export const BATCH_BYTES_MAX = 60_000;

/** What a request holds besides its channels and its `since`. */
const ENVELOPE_BYTES = 100;

/**
 * Cuts what is asked for into requests; `toItem` says how one of it is written. Names and positions are ASCII, so
 * characters are bytes. A `since` so long that nothing fits beside it still gets one channel per request: the server
 * decides then.
 */
export function splitIntoBatches<T>(
  all: readonly T[],
  toItem: (one: T) => unknown,
  since: readonly string[] = [],
): T[][] {
  const batches: T[][] = [];
  let batch: T[] = [];
  let room = 0;
  for (const one of all) {
    const bytes = JSON.stringify(toItem(one)).length + 1;
    room -= bytes;
    if (room < 0 || batch.length === BATCH_CHANNELS_MAX) {
      batch = [];
      batches.push(batch);
      room = BATCH_BYTES_MAX - ENVELOPE_BYTES - JSON.stringify(since).length - bytes;
    }
    batch.push(one);
  }
  return batches;
}
