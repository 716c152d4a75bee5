import { SYSTEM_TIMING, type Timing } from "../bus/timing.ts";
import { demoMarket } from "./demoMarket.ts";

export interface DemoFeedOptions {
  readonly messagesPerSecond: number;
  /** The same seed gives the same market. */
  readonly seed: number;
  /** `payload` is JSON in UTF-8, `timestampMs` since 1970. */
  readonly append: (channel: string, payload: Uint8Array, timestampMs: number) => unknown;
  readonly timing?: Timing;
  /** In ms since 1970. */
  readonly wallClock?: () => number;
}

const TICK_MS = 20;
/** A process that was stopped for longer than this does not make up for all of it at once. */
const CATCH_UP_MS_MAX = 1_000;

/** Plays the demo's market at a steady rate. */
export class DemoFeed {
  readonly #options: DemoFeedOptions;
  readonly #timing: Timing;
  readonly #market: ReturnType<typeof demoMarket>;
  #lastMs: number;
  /** Messages that are due, the broken part included. */
  #due = 0;
  #cancel: () => void;

  /** Begins at once. */
  constructor(options: DemoFeedOptions) {
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#market = demoMarket(options.seed);
    this.#lastMs = this.#timing.now();
    this.#cancel = this.#timing.schedule(TICK_MS, () => this.#tick());
  }

  close(): void {
    this.#cancel();
  }

  #tick(): void {
    this.#cancel = this.#timing.schedule(TICK_MS, () => this.#tick());
    const nowMs = this.#timing.now();
    const elapsedMs = Math.min(nowMs - this.#lastMs, CATCH_UP_MS_MAX);
    this.#lastMs = nowMs;
    this.#due += (elapsedMs * this.#options.messagesPerSecond) / 1_000;
    const timestampMs = (this.#options.wallClock ?? Date.now)();
    for (; this.#due >= 1; this.#due--) {
      const { channel, data } = this.#market.next().value;
      this.#options.append(channel, Buffer.from(JSON.stringify(data)), timestampMs);
    }
  }
}
