import type { SubscribeItem } from "@shardcast/protocol/messages";

/** Channels in one request. Servers take at least as many. */
export const BATCH_CHANNELS_MAX = 500;

/** Bytes of one request, below the 64 KB that servers take by default. */
export const BATCH_BYTES_MAX = 60_000;

/** What a request holds besides its channels and its `since`. */
const ENVELOPE_BYTES = 100;

/**
 * Cuts channels into requests. Names and positions are ASCII, so characters are bytes. A `since` so long that nothing
 * fits beside it still gets one channel per request: the server decides then.
 */
export function splitIntoBatches<Item extends SubscribeItem>(
  items: readonly Item[],
  since: readonly string[] = [],
): Item[][] {
  const room = BATCH_BYTES_MAX - ENVELOPE_BYTES - JSON.stringify(since).length;
  const batches: Item[][] = [];
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const itemBytes = JSON.stringify(item).length + 1;
    if (batch.length > 0 && (batch.length >= BATCH_CHANNELS_MAX || bytes + itemBytes > room)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += itemBytes;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
