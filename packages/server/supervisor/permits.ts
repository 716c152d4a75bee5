/**
 * Shares an instance's cap out among its shards: each may hold what it holds now plus an even share of what is left,
 * because after a shard's restart the kernel's spread stays uneven for long, but none more than `eachMax`.
 */
export function sharePermits(max: number, held: readonly number[], eachMax: number): number[] {
  const permits = [...held];
  let left = Math.max(0, max - held.reduce((sum, each) => sum + each, 0));
  while (left > 0) {
    const open = permits.flatMap((each, shard) => (each < eachMax ? [shard] : []));
    if (open.length === 0) break;
    const share = Math.floor(left / open.length);
    const extra = left % open.length;
    open.forEach((shard, index) => {
      const now = permits[shard] ?? 0;
      const added = Math.min(eachMax - now, share + (index < extra ? 1 : 0));
      permits[shard] = now + added;
      left -= added;
    });
  }
  return permits;
}

/** How many a shard may hold. The number grows with each word to it, so that what it answers can be told apart. */
export interface Permits {
  readonly number: number;
  readonly count: number;
}

/** Words to one shard that are remembered one by one. */
const UNHEARD_MAX = 64;

/** What a shard has told last. */
export interface PermitUse {
  readonly held: number;
  /** Of the permits that it has heard of last. */
  readonly permitsNumber: number;
}

/**
 * Moves permits between shards so that the cap holds at every moment, although what the shards tell is up to a beat
 * old: a permit is given out only once the shard that had it has said that it knows of the loss.
 */
export class PermitBook {
  readonly #max: number;
  readonly #eachMax: number;
  /** What was sent to each shard and not answered by a later one, oldest first; the last is in force soonest. */
  readonly #sent: Permits[][];
  #number = 0;

  /** `eachMax` is what one shard may hold at most. */
  constructor(max: number, shards: number, eachMax = Number.POSITIVE_INFINITY) {
    this.#max = max;
    this.#eachMax = eachMax;
    this.#sent = sharePermits(max, new Array<number>(shards).fill(0), eachMax).map((count) => [
      { number: 0, count },
    ]);
  }

  /** What each shard may hold from now on. `uses` has undefined for a shard that has not been heard of since its start. */
  next(uses: readonly (PermitUse | undefined)[]): readonly Permits[] {
    const reserved = this.#sent.map((sent, shard) => this.#reserve(sent, uses[shard]));
    let free = this.#max - reserved.reduce((sum, count) => sum + count, 0);
    const target = sharePermits(
      this.#max,
      uses.map((use) => use?.held ?? 0),
      this.#eachMax,
    );
    this.#number += 1;
    return this.#sent.map((sent, shard) => {
      const now = sent.at(-1)?.count ?? 0;
      const wanted = target[shard] ?? 0;
      const count = wanted <= now ? wanted : now + Math.max(0, Math.min(wanted - now, free));
      free -= Math.max(0, count - now);
      const permits = { number: this.#number, count };
      // A shard that says nothing for long has more and more that it may not have heard of; of those in between only the
      // greatest counts.
      if (sent.length >= UNHEARD_MAX) {
        const [first, second] = sent.splice(0, 2);
        if (first !== undefined && second !== undefined)
          sent.unshift({ number: second.number, count: Math.max(first.count, second.count) });
      }
      sent.push(permits);
      return permits;
    });
  }

  /** What a shard that is started now may hold. The one before it is gone, and what was sent to that with it. */
  start(shard: number): Permits {
    const permits = this.#sent[shard]?.at(-1) ?? { number: 0, count: 0 };
    this.#sent[shard] = [permits];
    return permits;
  }

  /** What a shard may hold at worst: any of what it may not have heard of yet, and the clients that it has already. */
  #reserve(sent: Permits[], use: PermitUse | undefined): number {
    const heard = use?.permitsNumber ?? 0;
    while (sent.length > 1 && (sent[0]?.number ?? 0) < heard) sent.shift();
    return Math.max(use?.held ?? 0, ...sent.map(({ count }) => count));
  }
}
