/** Bytes that may be under way at once; whoever does not fit waits in turn. */
export class ByteBudget {
  readonly bytesMax: number;
  #bytes = 0;
  readonly #waiting = new Set<{ readonly bytes: number; readonly admit: () => void }>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Resolves when the bytes fit; more than the whole budget fit when nothing else is under way. Rejects with the
   * signal's reason when that is aborted first.
   */
  acquire(bytes: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.size === 0 && this.#fits(bytes)) {
      this.#bytes += bytes;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
        this.#admitWaiting();
      };
      const admit = (): void => {
        signal.removeEventListener("abort", abandon);
        resolve();
      };
      const waiter = { bytes, admit };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", abandon, { once: true });
    });
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#admitWaiting();
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.bytesMax;
  }

  #admitWaiting(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.bytes)) return;
      this.#waiting.delete(waiter);
      this.#bytes += waiter.bytes;
      waiter.admit();
    }
  }
}
