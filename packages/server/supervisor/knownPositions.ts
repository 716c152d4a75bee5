import type { StreamPositions } from "./ipc.ts";

/**
 * How far the shards of this instance have read each stream, kept beyond the life of each: a shard that starts while
 * a log is away begins there, so that nothing is skipped and its clients can resume. Bounded by what shards follow.
 */
export class KnownPositions {
  readonly #ofShard = new Map<number, StreamPositions>();

  /** A shard that follows nothing (yet) does not take back what its predecessor knew. */
  note(shard: number, positions: StreamPositions): void {
    if (positions.length > 0) this.#ofShard.set(shard, positions);
  }

  /** The furthest of each stream. */
  get all(): StreamPositions {
    const furthest = new Map<string, number>();
    for (const positions of this.#ofShard.values()) {
      for (const [streamId, next] of positions) {
        furthest.set(streamId, Math.max(next, furthest.get(streamId) ?? 0));
      }
    }
    return [...furthest];
  }
}
