import { LogError, type LogStream, type StreamLog } from "../log/log.ts";

export interface StreamWatchOptions {
  readonly log: Pick<StreamLog, "streams">;
  /** Records that a start reads back, over all streams. */
  readonly warmRecordsMax: number;
  /** Called once for each stream, with the offset to begin at; resolves when that is read. */
  readonly found: (stream: LogStream, from: number) => Promise<void>;
  readonly onError: (error: LogError) => void;
}

/** Between two looks at the log for streams that appeared; also what saves a shard whose bus never names them. */
const LOOK_MS = 5000;
const RETRY_MS = 500;

/** Knows the log's streams: those of the start are read from a recent offset, later ones from their beginning. */
export class StreamWatch {
  readonly #options: StreamWatchOptions;
  readonly #known = new Set<string>();
  readonly listed: Promise<void>;
  #settleListed: () => void = () => {};
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: StreamWatchOptions) {
    this.#options = options;
    this.listed = new Promise((resolve) => {
      this.#settleListed = resolve;
    });
  }

  /** Resolves when the streams of the start are warm; asks again for as long as the log is away. */
  async begin(): Promise<void> {
    const streams = await this.#untilListed();
    const share = Math.floor(this.#options.warmRecordsMax / Math.max(1, streams.length));
    const warm = streams.map((stream) =>
      this.#follow(stream, Math.max(stream.earliest, stream.next - share)),
    );
    this.#settleListed();
    await Promise.all(warm);
    this.#lookLater();
  }

  /** What the log knows of a stream that only the bus has named. Rejects with `LogError`. */
  async find(streamId: string): Promise<LogStream | undefined> {
    const streams = await this.#options.log.streams();
    const found = streams.find((stream) => stream.id === streamId);
    if (found !== undefined) this.#known.add(streamId);
    return found;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #untilListed(): Promise<LogStream[]> {
    for (;;) {
      const streams = await this.#look();
      if (streams !== undefined || this.#closed) return streams ?? [];
      await Bun.sleep(RETRY_MS);
    }
  }

  async #look(): Promise<LogStream[] | undefined> {
    try {
      return await this.#options.log.streams();
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#options.onError(error);
      return undefined;
    }
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#lookForNew().then(
        () => this.#lookLater(),
        (error: unknown) => {
          // Only a defect, or topics that can not live together, gets here: the shard must not go on half blind.
          queueMicrotask(() => {
            throw error;
          });
        },
      );
    }, LOOK_MS);
  }

  async #lookForNew(): Promise<void> {
    for (const stream of (await this.#look()) ?? []) {
      if (!this.#known.has(stream.id) && !this.#closed) await this.#follow(stream, stream.earliest);
    }
  }

  #follow(stream: LogStream, from: number): Promise<void> {
    this.#known.add(stream.id);
    return this.#options.found(stream, from);
  }
}
