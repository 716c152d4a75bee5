import { LogError, type RangeRequest, type RangeResult, type StreamLog } from "../log/log.ts";

export interface BoundedReadsLimits {
  readonly atOnceMax: number;
  /** Reads that wait for their turn. */
  readonly waitingMax: number;
}

export const RESUME_READS: BoundedReadsLimits = { atOnceMax: 8, waitingMax: 1_024 };

/**
 * Reads what clients that resume have missed: few at a time, in the order asked, because after an outage all clients
 * come at once. What does not even find a place to wait rejects with `log_unavailable`, and so the client is told that
 * it has not recovered. Repairs do not pass here: no resume may keep them waiting.
 */
export class BoundedReads implements Pick<StreamLog, "read"> {
  readonly #log: Pick<StreamLog, "read">;
  readonly #limits: BoundedReadsLimits;
  /** In the order asked. Who gives up leaves. */
  readonly #waiting = new Set<() => void>();
  #active = 0;
  /** Reads that found no place to wait. */
  refused = 0;
  /** Reads that the log has answered, and the bytes of publications in them. */
  done = 0;
  doneBytes = 0;

  constructor(log: Pick<StreamLog, "read">, limits: BoundedReadsLimits = RESUME_READS) {
    this.#log = log;
    this.#limits = limits;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    request.signal?.throwIfAborted();
    if (this.#active >= this.#limits.atOnceMax) await this.#turn(request.signal);
    else this.#active++;
    try {
      // Without the signal: what a broker was asked it answers, so a read holds its place until then.
      const { streamId, after, through, bytesMax } = request;
      const result = await this.#log.read({ streamId, after, through, bytesMax, purpose: "resume" });
      this.done++;
      if (result.kind === "read")
        for (const { envelope } of result.publications) this.doneBytes += envelope.length;
      return result;
    } finally {
      this.#passOn();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= this.#limits.waitingMax) {
      this.refused++;
      throw new LogError("log_unavailable", `${this.#waiting.size} reads wait for the log already`);
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(begin);
        reject(signal?.reason);
      };
      const begin = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.add(begin);
    });
  }

  /** The place goes to who waits longest, at once: whoever comes in between would be one too many. */
  #passOn(): void {
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin);
      begin();
      return;
    }
    this.#active--;
  }
}
