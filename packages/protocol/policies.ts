/**
 * What a subscription is owed. `lossless`: every message, each once. `latest`: of each channel only the newest counts while its
 * client does not keep up. A number: the newest of each channel, at most so many times a second.
 */
export type SubscriptionPolicy = "lossless" | "latest" | number;

/** The rates that are served, in messages per second and channel. Few, because each is a class that costs by itself. */
export const RATES: readonly number[] = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];

/** The greatest rate that is served and not above `maxRate`; undefined where that is below all of them, or no number. */
export function servedRate(maxRate: number): number | undefined {
  return RATES.findLast((rate) => rate <= maxRate);
}
