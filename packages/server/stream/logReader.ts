import { LogError, type RangeResult, type StreamLog } from "../log/log.ts";
import type { AssemblerLimits } from "./limits.ts";
import type { AssemblerCounters } from "./stats.ts";
import type { StreamState } from "./streamState.ts";

/** (after, through] was asked for. */
export interface Question {
  readonly after: number;
  readonly through: number;
  /** The greatest offset that the bus had spoken of by then. */
  readonly claimed: number;
  /** Not what comes next, but whether reading on from `after` works, behind a stretch that can not be read. */
  readonly isProbe: boolean;
}

/** What is made of answers. The bus may have brought some of what was asked for meanwhile. */
export interface LogReaderHandler {
  /** Without a result where there was nothing to ask, as behind the end of a hole. */
  answered(stream: StreamState, question: Question, result: RangeResult | undefined): void;
  failed(stream: StreamState, question: Question, error: LogError): void;
}

export interface LogReaderOptions {
  readonly log: Pick<StreamLog, "read">;
  readonly handler: LogReaderHandler;
  /** Sees to what a stream needs now: after each answer, and where it needs no read any more when its turn comes. */
  readonly settle: (stream: StreamState) => void;
  readonly counters: AssemblerCounters;
  readonly limits: Pick<AssemblerLimits, "readsAtOnceMax" | "readBytesMax">;
}

/** Reads the log for streams in turn, few at once: what is missing, or, of those that are read forward, what follows. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #abort = new AbortController();
  /** Streams waiting for their turn: each at most once. */
  readonly #queue: StreamState[] = [];
  #reading = 0;
  #closed = false;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  enqueue(stream: StreamState): void {
    stream.job = "queued";
    this.#queue.push(stream);
    this.#readNext();
  }

  /** Ends all reads. Nothing is told of them any more. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#abort.abort();
  }

  #readNext(): void {
    while (this.#reading < this.#options.limits.readsAtOnceMax && !this.#closed) {
      const stream = this.#queue.shift();
      if (stream === undefined) return;
      const through = stream.polled ? Number.MAX_SAFE_INTEGER : stream.holeThrough;
      stream.job = "idle";
      // It may have healed, or gone, while it waited for its turn.
      if (through === undefined || stream.mode === "gone") this.#options.settle(stream);
      else void this.#read(stream, through);
    }
  }

  async #read(stream: StreamState, through: number): Promise<void> {
    const { log, handler, settle, counters, limits } = this.#options;
    this.#reading++;
    counters.logReads++;
    stream.job = "reading";
    stream.pollAtOnce = false;
    if (stream.mode === "live") stream.repairThrough = through;
    const question = ask(stream, through);
    const { after } = question;
    let result: RangeResult | undefined;
    let failure: LogError | undefined;
    try {
      // Where the probe has come to the end of the hole there is nothing to ask: what follows is at hand, or not known.
      if (after < through) {
        result = await log.read({
          streamId: stream.id,
          after,
          epoch: after === stream.delivered ? stream.leaderEpoch : undefined,
          through,
          bytesMax: limits.readBytesMax,
          signal: this.#abort.signal,
        });
      }
    } catch (error) {
      if (!this.#closed) {
        // Anything but the log's own errors is a defect and ends the process.
        if (!(error instanceof LogError)) throw error;
        failure = error;
      }
    }
    this.#reading--;
    if (this.#closed) return;
    stream.job = "idle";
    if (failure === undefined) handler.answered(stream, question, result);
    else handler.failed(stream, question, failure);
    settle(stream);
    this.#readNext();
  }
}

function ask(stream: StreamState, through: number): Question {
  if (stream.unreadable !== undefined && stream.unreadable.after !== stream.delivered) {
    // The bus has brought some of the stretch after all.
    stream.unreadable = undefined;
    stream.unreadableTries = 0;
  }
  const probe = stream.unreadable?.probe;
  return {
    after: probe ?? stream.delivered,
    through,
    claimed: stream.known,
    isProbe: probe !== undefined,
  };
}
