/** What one request may hold: enough for throughput, little enough to stay a moment's work. */
export const BATCH_RECORDS_MAX = 1000;
const BATCH_CHARACTERS_MAX = 2 ** 19;

/**
 * Sends in order, one batch at a time, and at once when nothing is on its way. Meanwhile it gathers the next batch,
 * so that a slow broker makes batches larger, a slow source is not kept waiting for a full one, and memory stays
 * bounded.
 */
export class Sender<T extends { readonly value: string }> {
  readonly #send: (batch: readonly T[]) => Promise<void>;
  readonly #onFailure: () => void;
  #gathered: T[] = [];
  #characters = 0;
  #sending: Promise<void> | undefined;
  /** Resolved when what was gathered is on its way, or never will be. */
  #room: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `onFailure` is called once, when a batch could not be sent; `add` and `drain` reject from then on. */
  constructor(send: (batch: readonly T[]) => Promise<void>, onFailure: () => void) {
    this.#send = send;
    this.#onFailure = onFailure;
  }

  /** Resolves when a further record may be added. */
  async add(record: T): Promise<void> {
    this.#throwFailure();
    this.#gathered.push(record);
    this.#characters += record.value.length;
    this.#sending ??= this.#sendAll();
    if (this.#isFull()) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
    this.#throwFailure();
  }

  /** Resolves when all that was added has been sent. */
  async drain(): Promise<void> {
    await this.#sending;
    this.#throwFailure();
  }

  #isFull(): boolean {
    return this.#gathered.length >= BATCH_RECORDS_MAX || this.#characters >= BATCH_CHARACTERS_MAX;
  }

  async #sendAll(): Promise<void> {
    // What is read in the same turn goes along.
    await Promise.resolve();
    while (this.#gathered.length > 0 && this.#failure === undefined) {
      const batch = this.#gathered;
      this.#gathered = [];
      this.#characters = 0;
      this.#makeRoom();
      try {
        await this.#send(batch);
      } catch (error) {
        this.#failure = { error };
        this.#onFailure();
      }
    }
    this.#sending = undefined;
    this.#makeRoom();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
