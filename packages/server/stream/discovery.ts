import { LogError } from "../log/log.ts";

export interface FoundStream {
  readonly earliest: number;
  readonly next: number;
}

export interface DiscoveryOptions {
  /** Asks the log; undefined where it knows no such stream. Rejects with `LogError`. */
  readonly discover: (streamId: string) => Promise<FoundStream | undefined>;
  readonly found: (streamId: string, stream: FoundStream) => void;
  readonly now: () => number;
  readonly limits: {
    readonly discoveriesAtOnceMax: number;
    readonly unknownStreamsMax: number;
    readonly discoverAgainMs: number;
  };
}

/**
 * Asks the log about streams that the bus names and nobody has opened. Frames and heads name such a stream many times
 * a second, so each is asked about once in a while only, and few at a time; what is refused is asked by a later frame.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** When a stream may be asked about again: infinity while it is being asked about. */
  readonly #again = new Map<string, number>();
  #asking = 0;
  #closed = false;
  asked = 0;
  refused = 0;
  failed = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  ask(streamId: string): void {
    const { limits, now } = this.#options;
    const again = this.#again.get(streamId);
    if (again !== undefined && now() < again) return;
    if (again === undefined && !this.#hasRoom()) {
      this.refused++;
      return;
    }
    if (this.#asking >= limits.discoveriesAtOnceMax) {
      this.refused++;
      return;
    }
    this.#again.set(streamId, Number.POSITIVE_INFINITY);
    void this.#ask(streamId);
  }

  close(): void {
    this.#closed = true;
    this.#again.clear();
  }

  async #ask(streamId: string): Promise<void> {
    this.#asking++;
    this.asked++;
    let stream: FoundStream | undefined;
    try {
      stream = await this.#options.discover(streamId);
    } catch (error) {
      // Anything but the log's own errors is a defect and ends the process.
      if (!(error instanceof LogError)) throw error;
      this.failed++;
    } finally {
      this.#asking--;
    }
    if (this.#closed) return;
    this.#again.set(streamId, this.#options.now() + this.#options.limits.discoverAgainMs);
    if (stream !== undefined) this.#options.found(streamId, stream);
  }

  #hasRoom(): boolean {
    if (this.#again.size < this.#options.limits.unknownStreamsMax) return true;
    const now = this.#options.now();
    for (const [streamId, again] of this.#again) if (again <= now) this.#again.delete(streamId);
    return this.#again.size < this.#options.limits.unknownStreamsMax;
  }
}
