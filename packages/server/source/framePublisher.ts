import { type BackoffLimits, backoffMs } from "../bus/backoff.ts";
import { type BroadcastBus, BusError } from "../bus/bus.ts";
import type { RangeFrame } from "../bus/frame.ts";
import { encodeFrame } from "../bus/frameCodec.ts";
import { splitRange } from "../bus/splitRange.ts";
import type { Timing } from "../bus/timing.ts";
import { orAborted, pause } from "./abortable.ts";
import { ByteBudget } from "./byteBudget.ts";

export interface FramePublisherOptions {
  readonly bus: Pick<BroadcastBus, "publish" | "maxFrameBytes">;
  readonly timing: Timing;
  readonly inFlightBytesMax: number;
  readonly backoff: BackoffLimits;
  /** Told when the bus begins to refuse, and when it accepts again. */
  readonly onRefusing: (error: unknown) => void;
  readonly onAccepting: () => void;
}

/** Below this a frame holds next to nothing, so that a bus which calls it too large has another fault. */
const FRAME_BYTES_MIN = 1024;

/** Brings frames to the bus, however often it refuses them. */
export class FramePublisher {
  readonly #options: FramePublisherOptions;
  readonly #budget: ByteBudget;
  /** In the order of their first try. */
  readonly #outstanding = new Set<{ readonly sinceMs: number }>();
  #refusing = false;
  frames = 0;
  publications = 0;
  bytes = 0;
  retries = 0;
  /** Publications that are larger than a frame may be: shards fetch them from the log. */
  omitted = 0;

  constructor(options: FramePublisherOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.inFlightBytesMax);
  }

  get inFlightBytes(): number {
    return this.#budget.bytes;
  }

  /** How long the oldest frame that the bus has not accepted is being tried, in ms; 0 where there is none. */
  get unpublishableForMs(): number {
    for (const oldest of this.#outstanding) return this.#options.timing.now() - oldest.sinceMs;
    return 0;
  }

  /**
   * Resolves once the bus has accepted all of the frame. Rejects only with the signal's reason, and with `BusError`
   * (`bus_closed`).
   */
  async publish(frame: RangeFrame, signal: AbortSignal): Promise<void> {
    const bytes = encodeFrame(frame);
    await this.#budget.acquire(bytes.length, signal);
    let isAccepted: boolean;
    try {
      isAccepted = await this.#tryUntilAccepted(bytes, signal);
    } finally {
      this.#budget.release(bytes.length);
    }
    if (!isAccepted) return this.#publishInParts(frame, bytes.length, signal);
    this.frames++;
    this.bytes += bytes.length;
    this.publications += frame.publications.length;
    this.omitted += frame.omitted.length;
  }

  /** False where the bus will never take a frame of this size. */
  async #tryUntilAccepted(bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const { bus, timing, backoff } = this.#options;
    const entry = { sinceMs: timing.now() };
    this.#outstanding.add(entry);
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          await orAborted(bus.publish(bytes), signal);
          this.#accepted();
          return true;
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          if (error instanceof BusError && error.code === "bus_closed") throw error;
          if (isTooLarge(error) && bytes.length > FRAME_BYTES_MIN) return false;
          this.#refused(error);
        }
        await pause(backoffMs(attempt, backoff, timing.random), timing, signal);
      }
    } finally {
      this.#outstanding.delete(entry);
    }
  }

  /** A server's limit may be lower than its driver knew, and that must not block the stream for ever. */
  async #publishInParts(frame: RangeFrame, bytes: number, signal: AbortSignal): Promise<void> {
    const half = Math.max(FRAME_BYTES_MIN, Math.floor(bytes / 2));
    const frameBytesMax = Math.min(this.#options.bus.maxFrameBytes, half);
    for (const part of splitRange(frame, { frameBytesMax })) await this.publish(part, signal);
  }

  #refused(error: unknown): void {
    this.retries++;
    if (this.#refusing) return;
    this.#refusing = true;
    this.#options.onRefusing(error);
  }

  #accepted(): void {
    if (!this.#refusing) return;
    this.#refusing = false;
    this.#options.onAccepting();
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof BusError && error.code === "frame_too_large";
}
