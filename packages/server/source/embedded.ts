import type { BroadcastBus } from "../bus/bus.ts";
import { encodeFrame } from "../bus/frameCodec.ts";
import { splitRange } from "../bus/splitRange.ts";
import { SYSTEM_TIMING, type Timing } from "../bus/timing.ts";
import type { Publication } from "../publication.ts";

/** The part of the embedded log that this needs. */
export interface AppendableLog {
  readonly streamId: string;
  /** The offset that the next entry gets. */
  readonly next: number;
  /** All, or none. */
  appendAll(messages: readonly EmbeddedMessage[], timestampMs: number): readonly Publication[];
}

export interface EmbeddedMessage {
  readonly channel: string;
  readonly payload: Uint8Array | null;
}

export interface EmbeddedSourceOptions {
  readonly log: AppendableLog;
  readonly bus: Pick<BroadcastBus, "publish" | "maxFrameBytes">;
  /** Names this process among all publishers of the cluster; at most 255 bytes. */
  readonly publisher: string;
  readonly timing?: Timing;
  /** No heads are sent of a stream in which nothing is. */
  readonly hidesEmpty?: boolean;
}

export interface EmbeddedSourceStats {
  readonly publications: number;
  readonly frames: number;
  /** Frames and heads that the bus refused. Nothing is lost: shards read them from the log. */
  readonly framesRefused: number;
}

const HEADS_INTERVAL_MS = 1_000;
/** A turn that appends more than this does not wait for its end. */
const FRAME_BYTES_TARGET = 256 * 1024;

/**
 * What comes by HTTP or from the demo feed: appended to the embedded log, and from there put on the bus. All appends
 * of one event-loop turn share a frame. A frame that the bus refuses is not tried again, since the log has it and the
 * next head tells.
 */
export class EmbeddedSource {
  readonly #options: EmbeddedSourceOptions;
  readonly #timing: Timing;
  /** Appended in this turn. */
  #turn: Publication[] = [];
  #turnBytes = 0;
  #isFlushScheduled = false;
  /** Everything up to this has been offered to the bus. */
  #through: number;
  #cancelHeads: () => void;
  #isClosed = false;
  #publications = 0;
  #frames = 0;
  #framesRefused = 0;

  constructor(options: EmbeddedSourceOptions) {
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#through = options.log.next - 1;
    this.#cancelHeads = this.#timing.schedule(HEADS_INTERVAL_MS, () => this.#tick());
  }

  get stats(): EmbeddedSourceStats {
    return { publications: this.#publications, frames: this.#frames, framesRefused: this.#framesRefused };
  }

  /** Appends all messages at once, or none, and publishes at the end of this turn. Throws as the log's `appendAll` does. */
  append(messages: readonly EmbeddedMessage[], timestampMs: number): readonly Publication[] {
    const publications = this.#options.log.appendAll(messages, timestampMs);
    this.#publications += publications.length;
    for (const publication of publications) {
      this.#turn.push(publication);
      this.#turnBytes += publication.envelope.length;
      if (this.#turnBytes >= FRAME_BYTES_TARGET) this.#flush();
    }
    if (this.#turn.length > 0) this.#scheduleFlush();
    return publications;
  }

  /** Publishes what is left, and no heads any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    this.#cancelHeads();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const last = this.#turn.at(-1);
    if (last === undefined || this.#isClosed) return;
    const { log, bus, publisher } = this.#options;
    const frames = splitRange(
      {
        kind: "range",
        publisher,
        streamId: log.streamId,
        after: this.#through,
        through: last.offset,
        publications: this.#turn,
        omitted: [],
      },
      { frameBytesMax: bus.maxFrameBytes },
    );
    this.#turn = [];
    this.#turnBytes = 0;
    this.#through = last.offset;
    for (const frame of frames) void this.#publish(encodeFrame(frame));
  }

  #tick(): void {
    this.#cancelHeads = this.#timing.schedule(HEADS_INTERVAL_MS, () => this.#tick());
    this.#flush();
    const { log, publisher, hidesEmpty } = this.#options;
    if (hidesEmpty && log.next === 0) return;
    const heads = [{ streamId: log.streamId, through: this.#through }];
    void this.#publish(encodeFrame({ kind: "heads", publisher, heads }));
  }

  async #publish(frame: Uint8Array): Promise<void> {
    try {
      await this.#options.bus.publish(frame);
      this.#frames++;
    } catch {
      // Counted. The shards notice by the next head, and read the log.
      this.#framesRefused++;
    }
  }
}
