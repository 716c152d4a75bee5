import { PermitBook } from "./permits.ts";

/** What a shard may hold from now on. */
export interface ShardPermits {
  /** Grows with each word to the shard, which answers with that of the last one that it has heard. */
  readonly number: number;
  readonly clients: number;
  readonly subscriptions: number;
}

export interface ShardPermitsOptions {
  readonly shards: number;
  /** Of the whole instance. */
  readonly connectionsMax: number;
  readonly connectionsPerShardMax: number;
  readonly subscriptionsMax: number;
}

/** What a shard has told last. */
export interface ShardUse {
  readonly connections: number;
  readonly subscriptions: number;
  /** Of the permits that it has heard of last. */
  readonly permitsNumber: number;
}

/** The books of all that an instance's shards share out among themselves, written in step. */
export class ShardPermitBooks {
  readonly #clients: PermitBook;
  readonly #subscriptions: PermitBook;

  constructor({ shards, connectionsMax, connectionsPerShardMax, subscriptionsMax }: ShardPermitsOptions) {
    this.#clients = new PermitBook(connectionsMax, shards, connectionsPerShardMax);
    this.#subscriptions = new PermitBook(subscriptionsMax, shards);
  }

  /** `stats` has undefined for a shard that has not been heard of since its start. */
  next(stats: readonly (ShardUse | undefined)[]): readonly ShardPermits[] {
    const uses = (held: (shard: ShardUse) => number) =>
      stats.map((shard) => shard && { held: held(shard), permitsNumber: shard.permitsNumber });
    const clients = this.#clients.next(uses(({ connections }) => connections));
    const subscriptions = this.#subscriptions.next(uses((shard) => shard.subscriptions));
    return clients.map(({ number, count }, shard) => {
      return { number, clients: count, subscriptions: subscriptions[shard]?.count ?? 0 };
    });
  }

  /** What a shard that is started now may hold. */
  start(shard: number): ShardPermits {
    const { number, count } = this.#clients.start(shard);
    return { number, clients: count, subscriptions: this.#subscriptions.start(shard).count };
  }
}
