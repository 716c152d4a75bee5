/** Topics of one client that were joined from positions ahead of this shard. */
export interface AheadListener {
  readonly owner: object;
  /** The topics that it is about: what the client gets by others it may not have seen. */
  readonly names: ReadonlySet<string>;
  /** Does not get what is published to this channel from here on, where that is one of its own. */
  pause(channel: string): void;
  /** Undoes `pause`. */
  goOn(channel: string): void;
  /** The client has left the topics `left`, and is at `kept`. Changes `names`. */
  leave(left: ReadonlySet<string>, kept: readonly string[]): void;
}

/**
 * Clients that have seen more of a stream than this shard has: they came from another one that was further. What they have
 * seen is published past them. The transport keeps the order of publish, subscribe and unsubscribe within a turn, so this
 * loses nothing else; it costs something for each of them and message, so there is a limit to them.
 */
export class AheadListeners {
  /** By stream, and the offset that each needs next. */
  readonly #streams = new Map<string, Map<AheadListener, number>>();
  readonly #owners = new Map<object, AheadListener[]>();
  readonly #limits: AheadLimits;
  /** Listeners, each counted for each of its streams. */
  #size = 0;
  /** Clients that found no room: they have not recovered. */
  refused = 0;

  constructor(limits: AheadLimits = { perStreamMax: 1000, max: 20_000 }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  has(streamId: string): boolean {
    return this.#streams.has(streamId);
  }

  /** False where there are too many already: then it is of none of these streams. */
  add(streams: readonly AheadPosition[], listener: AheadListener): boolean {
    const { perStreamMax, max } = this.#limits;
    const isFull = ({ streamId }: AheadPosition) => (this.#streams.get(streamId)?.size ?? 0) >= perStreamMax;
    if (this.#size + streams.length > max || streams.some(isFull)) {
      this.refused += 1;
      return false;
    }
    for (const { streamId, next } of streams) {
      const listeners = this.#streams.get(streamId) ?? new Map<AheadListener, number>();
      this.#streams.set(streamId, listeners);
      listeners.set(listener, next);
    }
    this.#size += streams.length;
    this.#owners.set(listener.owner, [...this.#of(listener.owner), listener]);
    return true;
  }

  /** The client is gone. */
  remove(owner: object): void {
    for (const listener of this.#of(owner)) this.#remove(listener);
  }

  /** The client has left topics: who joins them again says anew what it has seen. */
  leave(owner: object, left: ReadonlySet<string>, kept: readonly { readonly name: string }[]): void {
    const listeners = this.#of(owner);
    if (listeners.length === 0) return;
    const names = kept.map(({ name }) => name);
    for (const listener of listeners) {
      listener.leave(left, names);
      if (listener.names.size === 0) this.#remove(listener);
    }
  }

  /** Publishes something of a stream to all but those who have seen it. */
  publishPast(
    message: { readonly streamId: string; readonly offset: number; readonly channel: string },
    publish: () => void,
  ) {
    const past: AheadListener[] = [];
    for (const [listener, next] of this.#streams.get(message.streamId) ?? []) {
      if (message.offset < next) past.push(listener);
    }
    for (const listener of past) listener.pause(message.channel);
    publish();
    for (const listener of past) listener.goOn(message.channel);
  }

  /** The hub has come to where `next` is the offset that follows. */
  reached(streamId: string, next: number): void {
    for (const [listener, needed] of this.#streams.get(streamId) ?? []) {
      if (needed <= next) this.#delete(streamId, listener);
    }
  }

  /** The stream's offsets are used anew: what was seen of them says nothing any more. */
  forget(streamId: string): void {
    for (const listener of this.#streams.get(streamId)?.keys() ?? []) this.#delete(streamId, listener);
  }

  /**
   * For each stream of which a client has seen more by all of its topics, the offset that it needs next. What it has seen by
   * some of them alone is left out: a mark is of all, and it is better that something comes twice than never.
   */
  seenBy(owner: object, topics: readonly { readonly name: string }[]): ReadonlyMap<string, number> {
    const seen = new Map<string, number>();
    const listeners = this.#of(owner);
    if (listeners.length === 0) return seen;
    for (const [streamId, all] of this.#streams) {
      const own = listeners.flatMap((listener) => {
        const next = all.get(listener);
        return next === undefined ? [] : [{ names: listener.names, next }];
      });
      const isOfAll = topics.every(({ name }) => own.some(({ names }) => names.has(name)));
      if (own.length > 0 && isOfAll) seen.set(streamId, Math.min(...own.map(({ next }) => next)));
    }
    return seen;
  }

  #of(owner: object): readonly AheadListener[] {
    return this.#owners.get(owner) ?? NONE;
  }

  #remove(listener: AheadListener): void {
    for (const streamId of this.#streams.keys()) this.#delete(streamId, listener);
  }

  #delete(streamId: string, listener: AheadListener): void {
    const listeners = this.#streams.get(streamId);
    if (listeners?.delete(listener) !== true) return;
    this.#size -= 1;
    if (listeners.size === 0) this.#streams.delete(streamId);
    for (const others of this.#streams.values()) if (others.has(listener)) return;
    const rest = this.#of(listener.owner).filter((each) => each !== listener);
    if (rest.length === 0) this.#owners.delete(listener.owner);
    else this.#owners.set(listener.owner, rest);
  }
}

export interface AheadPosition {
  readonly streamId: string;
  /** The offset that the client needs next. */
  readonly next: number;
}

export interface AheadLimits {
  /** What one message may have to be published past. */
  readonly perStreamMax: number;
  readonly max: number;
}

const NONE: readonly AheadListener[] = [];
