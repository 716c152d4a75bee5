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

/** How many clients a shard may hold. The number grows with each word to it, so that what it answers can be told apart. */
export interface Permits {
  readonly number: number;
  readonly clients: number;
}

/** Words to one shard that are remembered one by one. */
const UNHEARD_MAX = 64;

/** What a shard has told last. */
export interface PermitUse {
  readonly connections: number;
  /** Of the permits that it has heard of last. */
  readonly permitsNumber: number;
}

/**
 * Moves permits between shards so that the cap holds at every moment, although what the shards tell is up to a beat
 * old: a permit is given out only once the shard that had it has said that it knows of the loss.
 */
export class PermitBook {
  readonly #connectionsMax: number;
  /** What was sent to each shard and not answered by a later one, oldest first; the last is in force soonest. */
  readonly #sent: Permits[][];
  #number = 0;

  constructor(connectionsMax: number, shards: number) {
    this.#connectionsMax = connectionsMax;
    this.#sent = sharePermits(connectionsMax, new Array<number>(shards).fill(0)).map((clients) => [
      { number: 0, clients },
    ]);
  }

  /** What each shard may hold from now on. `uses` has undefined for a shard that has not been heard of since its start. */
  next(uses: readonly (PermitUse | undefined)[]): readonly Permits[] {
    const reserved = this.#sent.map((sent, shard) => this.#reserve(sent, uses[shard]));
    let free = this.#connectionsMax - reserved.reduce((sum, clients) => sum + clients, 0);
    const target = sharePermits(
      this.#connectionsMax,
      uses.map((use) => use?.connections ?? 0),
    );
    this.#number += 1;
    return this.#sent.map((sent, shard) => {
      const now = sent.at(-1)?.clients ?? 0;
      const wanted = target[shard] ?? 0;
      const clients = wanted <= now ? wanted : now + Math.max(0, Math.min(wanted - now, free));
      free -= Math.max(0, clients - now);
      const permits = { number: this.#number, clients };
      // A shard that says nothing for long has more and more that it may not have heard of; of those in between only the
      // greatest counts.
      if (sent.length >= UNHEARD_MAX) {
        const [first, second] = sent.splice(0, 2);
        if (first !== undefined && second !== undefined)
          sent.unshift({ number: second.number, clients: Math.max(first.clients, second.clients) });
      }
      sent.push(permits);
      return permits;
    });
  }

  /** What a shard that is started now may hold. The one before it is gone, and what was sent to that with it. */
  start(shard: number): Permits {
    const permits = this.#sent[shard]?.at(-1) ?? { number: 0, clients: 0 };
    this.#sent[shard] = [permits];
    return permits;
  }

  /** What a shard may hold at worst: any of what it may not have heard of yet, and the clients that it has already. */
  #reserve(sent: Permits[], use: PermitUse | undefined): number {
    const heard = use?.permitsNumber ?? 0;
    while (sent.length > 1 && (sent[0]?.number ?? 0) < heard) sent.shift();
    return Math.max(use?.connections ?? 0, ...sent.map(({ clients }) => clients));
  }
}
