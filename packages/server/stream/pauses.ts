import type { AssemblerLimits } from "./limits.ts";
import type { StreamState } from "./streamState.ts";

export interface PausesOptions {
  /** Calls once after `delayMs`; returns what cancels it. */
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly limits: AssemblerLimits;
}

/** How long streams wait before they ask the log, with jitter: shards that failed together do not try again together. */
export class Pauses {
  readonly #options: PausesOptions;

  constructor(options: PausesOptions) {
    this.#options = options;
  }

  /** Lets a hole heal by itself. */
  beforeRepair(stream: StreamState, then: () => void): void {
    const { random, limits } = this.#options;
    const { repairWaitMinMs, repairWaitMaxMs } = limits;
    this.#wait(stream, repairWaitMinMs + random() * (repairWaitMaxMs - repairWaitMinMs), then);
  }

  /** After so many polls in a row that found nothing. */
  beforePoll(stream: StreamState, idlePolls: number, then: () => void): void {
    const { forwardBehindMs, forwardIdleMs } = this.#options.limits;
    const delayMs = Math.min(forwardIdleMs, forwardBehindMs * 2 ** Math.min(idlePolls, 10));
    this.#wait(stream, delayMs * this.#jitter(), then);
    stream.waitsIdly = idlePolls > 0;
  }

  /** After so many reads in a row that failed. */
  beforeRetry(stream: StreamState, tries: number, then: () => void): void {
    const { retryMinMs, retryMaxMs } = this.#options.limits;
    const delayMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(tries - 1, 30));
    this.#wait(stream, delayMs * this.#jitter(), then);
  }

  /** Before the log is asked whether it still says that it has lost its end. */
  beforeSecondOpinion(stream: StreamState, then: () => void): void {
    this.#wait(stream, this.#options.limits.forwardIdleMs, then);
  }

  cancel(stream: StreamState): void {
    stream.cancelWait?.();
    stream.cancelWait = undefined;
    stream.job = "idle";
  }

  #wait(stream: StreamState, delayMs: number, then: () => void): void {
    stream.job = "waiting";
    stream.waitsIdly = false;
    stream.cancelWait = this.#options.schedule(delayMs, () => {
      stream.cancelWait = undefined;
      stream.job = "idle";
      then();
    });
  }

  /** Between a half and one. */
  #jitter(): number {
    return 0.5 + this.#options.random() / 2;
  }
}
