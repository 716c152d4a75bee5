/** Something that waits for a stream of this shard to come further. */
export interface StreamWait {
  /** True where the wait is over. */
  look(): boolean;
}

/** Between two looks, in ms. */
export const LOOK_MS = 20;

/** Waits of all connections, with one timer: after a shard was killed, all of its clients may wait at the others. */
export class StreamWaits {
  readonly #waits = new Set<StreamWait>();
  #timer: Timer | undefined;
  /** Waits that went on without what they waited for. */
  givenUp = 0;

  get waiting(): number {
    return this.#waits.size;
  }

  add(wait: StreamWait): void {
    this.#waits.add(wait);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  remove(wait: StreamWait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const wait of this.#waits) if (wait.look()) this.remove(wait);
  }
}
