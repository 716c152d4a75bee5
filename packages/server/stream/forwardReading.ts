import type { AssemblerLimits } from "./limits.ts";
import type { Pauses } from "./pauses.ts";
import type { AssemblerCounters, ForwardCause } from "./stats.ts";
import { NOTHING_HEARD, type StreamState } from "./streamState.ts";

export interface ForwardReadingOptions {
  readonly streams: () => Iterable<StreamState>;
  readonly pauses: Pauses;
  /** To be called after a change: delivers what can be delivered, and sees to what is missing. */
  readonly settle: (stream: StreamState) => void;
  /** Calls once after `delayMs`; returns what cancels it. */
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
  /** In ms, of any origin. */
  readonly now: () => number;
  readonly counters: AssemblerCounters;
  readonly limits: AssemblerLimits;
}

/** Judges the bus by each stream: which it does not serve, so that they are read from the log, and which it serves again. */
export class ForwardReading {
  readonly #options: ForwardReadingOptions;
  #cancelTick: () => void;

  constructor(options: ForwardReadingOptions) {
    this.#options = options;
    this.#cancelTick = this.#tickLater();
  }

  close(): void {
    this.#cancelTick();
  }

  begin(stream: StreamState, cause: ForwardCause): void {
    const { counters, limits } = this.#options;
    counters.forwardEntries[cause]++;
    stream.mode = cause === "truncated" ? "distrust" : "forward";
    stream.distrustTicks = Math.ceil(limits.distrustMs / limits.tickMs);
    stream.calm = false;
    stream.servedTicks = 0;
    stream.idlePolls = 0;
    stream.repairThrough = -1;
    stream.repairTimesMs = [];
  }

  /** A hole has not healed by itself. A stream in which that happens again and again is not served. */
  noteRepair(stream: StreamState): void {
    const { counters, limits } = this.#options;
    const now = this.#options.now();
    const times = stream.repairTimesMs;
    times.push(now);
    if (times.length > limits.repairsMax) times.shift();
    counters.repairs++;
    const oldest = times[0] ?? now;
    if (times.length === limits.repairsMax && now - oldest <= limits.repairsWindowMs) {
      this.begin(stream, "repairs");
    }
  }

  #tickLater(): () => void {
    return this.#options.schedule(this.#options.limits.tickMs, () => this.#tick());
  }

  #tick(): void {
    // Ticks and not the clock measure silence, so that a process that was stopped for a while does not take its own
    // silence for the bus's.
    this.#cancelTick = this.#tickLater();
    const { streams, settle, limits } = this.#options;
    const overdueTicks = Math.ceil(limits.overdueMs / limits.tickMs);
    const servedTicks = Math.ceil(limits.servedMs / limits.tickMs);
    for (const stream of streams()) {
      if (stream.mode === "gone") continue;
      const alive = stream.heard >= stream.deliveredAtTick;
      stream.silentTicks = alive ? 0 : stream.silentTicks + 1;
      stream.servedTicks = alive && !stream.skipped ? stream.servedTicks + 1 : 0;
      stream.heard = NOTHING_HEARD;
      stream.skipped = false;
      stream.deliveredAtTick = stream.delivered;
      if (stream.mode === "distrust") {
        if (--stream.distrustTicks <= 0) stream.mode = "forward";
      } else if (stream.mode === "live" && stream.silentTicks >= overdueTicks) {
        this.begin(stream, "overdue");
        settle(stream);
      } else if (stream.mode === "forward" && stream.servedTicks >= servedTicks) {
        if (stream.holeThrough === undefined) this.#returnToBus(stream);
      }
    }
  }

  #returnToBus(stream: StreamState): void {
    const { counters, pauses, settle } = this.#options;
    counters.forwardExits++;
    stream.mode = "live";
    if (stream.job === "waiting") pauses.cancel(stream);
    settle(stream);
  }
}
