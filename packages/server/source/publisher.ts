import { type BackoffLimits, backoffMs } from "../bus/backoff.ts";
import { type BroadcastBus, BusError } from "../bus/bus.ts";
import { encodeFrame } from "../bus/frameCodec.ts";
import { splitHeads, splitRange } from "../bus/splitRange.ts";
import { SYSTEM_TIMING, type Timing } from "../bus/timing.ts";
import type { Publication, SourceRecord } from "../publication.ts";
import { orAborted, pause } from "./abortable.ts";
import { FramePublisher } from "./framePublisher.ts";
import { isUnroutable, type Router, type Unroutable, type UnroutableReason } from "./route.ts";
import type { SourceBatch, SourceSink } from "./source.ts";
import { UnroutableRecords, type WarningLog } from "./unroutableRecords.ts";

export interface PublisherLimits extends BackoffLimits {
  /** Encoded frames that the bus has not accepted, over all streams. */
  readonly inFlightBytesMax: number;
  /** Frames are closed at this size, so that a large batch does not hold up the other streams. */
  readonly frameBytesTarget: number;
  readonly headsIntervalMs: number;
  readonly deadLettersAtOnceMax: number;
}

const PUBLISHER_LIMITS: PublisherLimits = {
  retryMinMs: 20,
  retryMaxMs: 1_000,
  inFlightBytesMax: 8 * 1024 * 1024,
  frameBytesTarget: 256 * 1024,
  headsIntervalMs: 1_000,
  deadLettersAtOnceMax: 64,
};

export interface PublisherOptions {
  readonly bus: Pick<BroadcastBus, "publish" | "maxFrameBytes">;
  /** Names this process among all publishers of the cluster; at most 255 bytes. */
  readonly publisher: string;
  readonly route: Router;
  readonly log: WarningLog;
  /**
   * Keeps a record that has no channel. A batch is not committed before this has resolved; tried until it does. "refused"
   * where trying again can not help, because of the record itself: it is given up, and stays in its own topic.
   */
  readonly deadLetter?: (record: SourceRecord, unroutable: Unroutable) => Promise<"kept" | "refused">;
  readonly limits?: Partial<PublisherLimits>;
  readonly timing?: Timing;
}

export interface PublisherCounts {
  readonly frames: number;
  readonly publications: number;
  readonly bytes: number;
  readonly inFlightBytes: number;
  /** Frames offered to the bus again. */
  readonly retries: number;
  /** Publications that are larger than a frame may be. */
  readonly omitted: number;
  readonly unroutable: ReadonlyMap<UnroutableReason, number>;
  readonly deadLetters: number;
  readonly deadLetterRetries: number;
  /** Records that will never be dead letters, because of what they are. */
  readonly deadLettersRefused: number;
  /** Messages with heads that the bus refused, or that were left out because the one before was still under way. */
  readonly headsMissed: number;
}

export class PublisherError extends Error {
  override readonly name = "PublisherError";
  readonly code: "publisher_closed" | "stream_not_assigned";
  constructor(code: "publisher_closed" | "stream_not_assigned", message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

interface PublishedStream {
  /** The last offset that the bus has accepted. */
  through: number;
  /** Settles when all batches handed over so far have been published or abandoned. Never rejects. */
  last: Promise<unknown>;
  readonly abort: AbortController;
}

interface DeadLetter {
  readonly record: SourceRecord;
  readonly unroutable: Unroutable;
}

/**
 * Takes batches from a source to the bus: route, cut into frames, publish, again and again until accepted. Of one
 * stream one frame is under way at a time: a frame that failed would otherwise be overtaken by the next one. Streams
 * do not wait for each other, except for the bytes in flight.
 */
export class Publisher implements SourceSink {
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  readonly #timing: Timing;
  readonly #frames: FramePublisher;
  readonly #unroutable: UnroutableRecords;
  readonly #streams = new Map<string, PublishedStream>();
  readonly #abort = new AbortController();
  #cancelHeads: () => void;
  #headsUnderWay = false;
  #headsMissed = 0;
  #deadLetters = 0;
  #deadLetterRetries = 0;
  #deadLettersRefused = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#limits = { ...PUBLISHER_LIMITS, ...options.limits };
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#unroutable = new UnroutableRecords(options.log, this.#timing.now);
    this.#frames = new FramePublisher({
      bus: options.bus,
      timing: this.#timing,
      inFlightBytesMax: this.#limits.inFlightBytesMax,
      backoff: this.#limits,
      onRefusing: (error) => options.log.warn({ err: error }, "the bus refuses frames; they are tried again"),
      onAccepting: () => options.log.warn({}, "the bus accepts frames again"),
    });
    this.#cancelHeads = this.#timing.schedule(this.#limits.headsIntervalMs, () => this.#tick());
  }

  /**
   * How long the oldest frame that the bus has not accepted is being tried, in ms; 0 where there is none. The owner
   * leaves its consumer group when this grows too great, so that it holds no partitions hostage.
   */
  get unpublishableForMs(): number {
    return this.#frames.unpublishableForMs;
  }

  get counts(): PublisherCounts {
    const { frames, publications, bytes, inFlightBytes, retries, omitted } = this.#frames;
    return {
      frames,
      publications,
      bytes,
      inFlightBytes,
      retries,
      omitted,
      unroutable: this.#unroutable.counts,
      deadLetters: this.#deadLetters,
      deadLetterRetries: this.#deadLetterRetries,
      deadLettersRefused: this.#deadLettersRefused,
      headsMissed: this.#headsMissed,
    };
  }

  assigned(stream: { readonly id: string; readonly name: string }, next: number): void {
    const known = this.#streams.get(stream.id);
    if (known !== undefined) known.through = next - 1;
    else {
      const abort = new AbortController();
      this.#streams.set(stream.id, { through: next - 1, last: Promise.resolve(), abort });
    }
  }

  /** What is still under way of the stream is abandoned, and its `accept` rejects: the new owner publishes it again. */
  revoked(streamId: string): void {
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    stream?.abort.abort(new PublisherError("stream_not_assigned", `stream ${streamId} was revoked`));
  }

  /** Rejects with `PublisherError` where the stream is not, or no more, assigned, and after `close`. */
  async accept(batch: SourceBatch): Promise<void> {
    if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
    const stream = this.#streams.get(batch.streamId);
    if (stream === undefined) {
      throw new PublisherError("stream_not_assigned", `stream ${batch.streamId} is not assigned`);
    }
    const turn = stream.last.then(() => this.#publishBatch(stream, batch));
    stream.last = turn.catch(() => {
      // Whoever handed this batch over hears of it below; the next one only needs to know that its turn has come.
    });
    // Dead letters hold back the commit, not the next batch.
    await this.#keepDeadLetters(await turn, stream.abort.signal);
  }

  close(): void {
    if (this.#abort.signal.aborted) return;
    const reason = new PublisherError("publisher_closed", "the publisher is closed");
    this.#abort.abort(reason);
    this.#cancelHeads();
    for (const stream of this.#streams.values()) stream.abort.abort(reason);
    this.#streams.clear();
  }

  async #publishBatch(stream: PublishedStream, batch: SourceBatch): Promise<DeadLetter[]> {
    const { signal } = stream.abort;
    if (signal.aborted) throw signal.reason;
    const { streamId, after, through, epoch } = batch;
    const publications: Publication[] = [];
    const deadLetters: DeadLetter[] = [];
    for (const record of batch.records) {
      const routed = this.#options.route(streamId, record);
      if (isUnroutable(routed)) {
        this.#unroutable.add(record, routed);
        deadLetters.push({ record, unroutable: routed });
      } else publications.push(routed);
    }
    const { publisher } = this.#options;
    const range = { kind: "range", publisher, streamId, after, through, epoch } as const;
    const frames = splitRange(
      { ...range, publications, omitted: [] },
      { frameBytesMax: this.#options.bus.maxFrameBytes, frameBytesTarget: this.#limits.frameBytesTarget },
    );
    for (const frame of frames) {
      await this.#publishFrame(frame, signal);
      stream.through = frame.through;
    }
    return deadLetters;
  }

  async #publishFrame(frame: Parameters<FramePublisher["publish"]>[0], signal: AbortSignal): Promise<void> {
    try {
      await this.#frames.publish(frame, signal);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      throw new PublisherError("publisher_closed", "the bus is closed", { cause: error });
    }
  }

  async #keepDeadLetters(deadLetters: readonly DeadLetter[], signal: AbortSignal): Promise<void> {
    if (this.#options.deadLetter === undefined) return;
    const { deadLettersAtOnceMax } = this.#limits;
    for (let start = 0; start < deadLetters.length; start += deadLettersAtOnceMax) {
      const some = deadLetters.slice(start, start + deadLettersAtOnceMax);
      await Promise.all(some.map((deadLetter) => this.#keepDeadLetter(deadLetter, signal)));
    }
  }

  async #keepDeadLetter({ record, unroutable }: DeadLetter, signal: AbortSignal): Promise<void> {
    const { deadLetter, log } = this.#options;
    if (deadLetter === undefined) return;
    for (let attempt = 0; ; attempt++) {
      try {
        const outcome = await orAborted(deadLetter(record, unroutable), signal);
        if (outcome === "kept") this.#deadLetters++;
        else this.#deadLettersRefused++;
        return;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        this.#deadLetterRetries++;
        if (attempt === 0) log.warn({ err: error }, "a dead letter could not be kept; it is tried again");
      }
      await pause(backoffMs(attempt, this.#limits, this.#timing.random), this.#timing, signal);
    }
  }

  #tick(): void {
    this.#cancelHeads = this.#timing.schedule(this.#limits.headsIntervalMs, () => this.#tick());
    if (this.#headsUnderWay) this.#headsMissed++;
    else void this.#publishHeads();
  }

  /**
   * A head names only what the bus has accepted, and is published after that, so it overtakes no frame. It is not
   * tried again, because the next one says more.
   */
  async #publishHeads(): Promise<void> {
    const heads = [...this.#streams].map(([streamId, { through }]) => ({ streamId, through }));
    const { bus, publisher } = this.#options;
    this.#headsUnderWay = true;
    try {
      for (const frame of splitHeads({ kind: "heads", publisher, heads }, bus.maxFrameBytes)) {
        await bus.publish(encodeFrame(frame));
      }
    } catch (error) {
      // A defect of ours ends the shard. That the bus refuses is counted here, and said where frames are published.
      if (!(error instanceof BusError)) throw error;
      this.#headsMissed++;
    } finally {
      this.#headsUnderWay = false;
    }
  }
}
