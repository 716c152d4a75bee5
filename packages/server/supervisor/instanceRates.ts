interface Counts {
  readonly publications: number;
  readonly deliveries: number;
}

const NONE: Counts = { publications: 0, deliveries: 0 };

/**
 * Rates of an instance between two looks at its shards' counters. What a shard that was started anew has read back from
 * the log by its first look is not counted: it is old.
 */
export class InstanceRates {
  #last: readonly (Counts | undefined)[] = [];
  #lastMs: number | undefined;

  /** Publications as one shard has them, for each has all of them; deliveries of all shards together. */
  since(
    stats: readonly (Counts | undefined)[],
    nowMs: number,
  ): { publicationsPerSecond: number; deliveriesPerSecond: number } {
    const seconds = this.#lastMs === undefined ? 0 : (nowMs - this.#lastMs) / 1000;
    const grown = stats.map((shard, index) => {
      const last = this.#last[index];
      if (shard === undefined || last === undefined) return NONE;
      return {
        publications: Math.max(0, shard.publications - last.publications),
        deliveries: Math.max(0, shard.deliveries - last.deliveries),
      };
    });
    this.#last = stats;
    this.#lastMs = nowMs;
    if (seconds === 0) return { publicationsPerSecond: 0, deliveriesPerSecond: 0 };
    const publications = Math.max(0, ...grown.map((shard) => shard.publications));
    const deliveries = grown.reduce((sum, shard) => sum + shard.deliveries, 0);
    return { publicationsPerSecond: publications / seconds, deliveriesPerSecond: deliveries / seconds };
  }
}
