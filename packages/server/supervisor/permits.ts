/**
 * Shares the instance's cap on clients out among its shards: each may hold what it holds now plus an even share of
 * what is left, because after a shard's restart the kernel's spread stays uneven for long.
 */
export function sharePermits(connectionsMax: number, held: readonly number[]): number[] {
  const left = Math.max(0, connectionsMax - held.reduce((sum, connections) => sum + connections, 0));
  const share = Math.floor(left / held.length);
  const extra = left % held.length;
  return held.map((connections, shard) => connections + share + (shard < extra ? 1 : 0));
}
