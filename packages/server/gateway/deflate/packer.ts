/** Less than this is not worth the client's work of inflating it. */
const SAVED_BYTES_MIN = 64;
/** What is shorter than so many times that hardly ever saves as much. */
const SAVED_TIMES_MIN = 4;

const LEVELS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] as const;

/** Why messages went plain to a client that takes deflated frames. */
export type PlainReason = "small" | "busy";

/**
 * Puts several messages into one frame: the raw deflate (RFC 1951) of a JSON array of them. Each frame stands by itself,
 * because one that built on those before would have to be another for each client.
 *
 * Compressing holds the event loop, so it may take a few milliseconds of each turn; what comes beyond that in the same
 * turn goes plain.
 */
export class Packer {
  readonly counters: PackerCounters = { frames: 0, bytesIn: 0, bytesOut: 0 };
  readonly #options: PackerOptions;
  readonly #level: (typeof LEVELS)[number];
  #spentMs = 0;

  constructor(options: PackerOptions) {
    this.#level = LEVELS[options.level - 1] ?? 6;
    this.#options = options;
  }

  /** Another turn. */
  begin(): void {
    this.#spentMs = 0;
  }

  get isBusy(): boolean {
    return this.#spentMs >= this.#options.turnMsMax;
  }

  /** `bytes`: of the texts' UTF-8. */
  pack(texts: readonly string[], bytes: number): Uint8Array | "plain" {
    const { now, savedBytesMin = SAVED_BYTES_MIN } = this.#options;
    if (bytes < SAVED_TIMES_MIN * savedBytesMin || this.isBusy) return "plain";
    const startMs = now();
    const plain = Buffer.from(`[${texts.join(",")}]`);
    const packed = Bun.deflateSync(plain, { level: this.#level, library: "libdeflate" });
    this.#spentMs += now() - startMs;
    if (packed.length + savedBytesMin > plain.length) return "plain";
    this.counters.frames += 1;
    this.counters.bytesIn += plain.length;
    this.counters.bytesOut += packed.length;
    return packed;
  }
}

export interface PackerOptions {
  /** 1 (fast) to 12 (small). */
  readonly level: number;
  /** Where packing saves fewer bytes, the messages go plain. Default 64. */
  readonly savedBytesMin?: number | undefined;
  /** What compressing may take of one turn of the event loop. */
  readonly turnMsMax: number;
  /** In ms; never goes back. */
  readonly now: () => number;
}

/** What was compressed, once for however many clients. */
export interface PackerCounters {
  frames: number;
  bytesIn: number;
  bytesOut: number;
}
