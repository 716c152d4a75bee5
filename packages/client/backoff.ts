export interface BackoffOptions {
  /** The first delay is drawn from 0 to this, in ms. Default 500. */
  readonly minMs?: number;
  /** No delay is longer, in ms. Default 30,000. */
  readonly maxMs?: number;
}

/**
 * The delay before attempt `attempt`, the first being 0. Exponential backoff with full jitter: each delay is drawn evenly
 * from zero to a bound that doubles, so that clients cut off together do not come back together.
 * `random` is from 0 (inclusive) to 1 (exclusive).
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(
  attempt: number,
  { minMs = 500, maxMs = 30_000 }: BackoffOptions,
  random: number,
): number {
  return random * Math.min(maxMs, minMs * 2 ** attempt);
}
