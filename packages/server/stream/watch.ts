import { LogError, type LogStream, type NamedStream, type StreamListing } from "../log/log.ts";

export interface StreamWatchOptions {
  /** Tells the streams of those logs that answer in time. Rejects with `LogError`, or with what ends the shard. */
  readonly log: { list(patienceMs: number): Promise<StreamListing> };
  /** Records that a start reads back, over all streams. */
  readonly warmRecordsMax: number;
  /** Where this instance has read to in streams, before: begun there when their log is away at the start. */
  readonly remembered: ReadonlyArray<readonly [streamId: string, next: number]>;
  /** How long the start waits for logs that do not answer while others do, in ms. Default 5,000. */
  readonly patienceMs?: number;
  /**
   * Called once for each stream, with the offset to begin at; resolves when that is read. Undefined where there is no
   * room for one more stream: it is called again when the log tells of it again.
   */
  readonly found: (stream: LogStream, from: number) => Promise<void> | undefined;
  /** Called once for each stream that is there at the start, and of which nobody knows how far it has come. */
  readonly unplaced: (stream: NamedStream) => void;
  /** A stream that could not be followed is not there any more. */
  readonly vanished: (streamId: string) => void;
  /** Once for each reason in a row. */
  readonly onError: (error: LogError) => void;
}

/** Between two looks at the log for streams that appeared; also what saves a shard whose bus never names them. */
const LOOK_MS = 5000;
const RETRY_MS = 500;
const PATIENCE_MS = 5000;
/** So many listings in a row without a stream that could not be followed, and it is no more. */
const VANISHED_LISTINGS = 12;

/**
 * Knows the log's streams: those of the start are read from a recent offset, later ones from their beginning. What
 * belongs to a log that was away at the start, or to a partition without a leader then, counts as of the start,
 * whenever it is found: it is read from a recent offset, or from where this instance had read to. One that is found
 * later although it is older than this instance is followed from where it is: clients are there that did not ask for
 * what was before.
 */
export class StreamWatch {
  readonly #options: StreamWatchOptions;
  readonly #patienceMs: number;
  readonly #known = new Set<string>();
  /**
   * Streams that are there and not followed yet, because their partitions have no leader since the start, or because
   * there is no room for them; with the listings in a row that did not name them.
   */
  readonly #unplaced = new Map<string, number>();
  readonly listed: Promise<void>;
  #settleListed: () => void = () => {};
  #timer: Timer | undefined;
  #closed = false;
  /** Streams of the last listing that nobody follows, for want of room. */
  #unfollowed = 0;
  /** Not every log has told its streams so far. */
  #incomplete = true;
  /** Nothing was followed so far, so no client is there. */
  #isFirst = true;
  #failuresInRow = 0;
  #told: string | undefined;

  constructor(options: StreamWatchOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.listed = new Promise((resolve) => {
      this.#settleListed = resolve;
    });
  }

  /** Whether some log has not told its streams since the start: its streams may be followed late, or not yet. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  /** Streams that are not followed for want of room: their messages reach no client. */
  get unfollowed(): number {
    return this.#unfollowed;
  }

  /** What is gone for good is not known any more. */
  forget(streamId: string): void {
    this.#known.delete(streamId);
  }

  /** Streams that were there at the start and could not be followed so far. */
  get unplaced(): number {
    return this.#unplaced.size - this.#unfollowed;
  }

  /**
   * Resolves when the streams of the start are warm. Where only some logs answer it goes on with theirs, and with
   * what is remembered of the others, after a while; where none does it asks on.
   */
  async begin(): Promise<void> {
    const listing = await this.#firstListing();
    const warm = this.#take(listing);
    for (const [id, next] of this.#options.remembered) {
      if (this.#known.has(id) || !(this.#incomplete || listing.unplaced.some((stream) => stream.id === id)))
        continue;
      warm.push(this.#follow({ id, name: id, earliest: next, next }, next));
    }
    for (const stream of listing.unplaced) {
      if (this.#known.has(stream.id)) continue;
      this.#unplaced.set(stream.id, 0);
      this.#options.unplaced(stream);
    }
    this.#settleListed();
    this.#lookLater();
    await Promise.all(warm);
  }

  /** What the log knows of a stream that only the bus has named, from where it is to be read. Rejects with `LogError`. */
  async find(streamId: string): Promise<LogStream | undefined> {
    const listing = await this.#options.log.list(this.#patienceMs);
    if (this.#incomplete || this.#unplaced.size > 0) void Promise.all(this.#take(listing));
    const found = listing.streams.find((stream) => stream.id === streamId);
    if (found === undefined && listing.failure !== undefined) throw listing.failure;
    if (found === undefined) return undefined;
    this.#known.add(streamId);
    return found.isOlder === true ? { ...found, earliest: found.next } : found;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #firstListing(): Promise<StreamListing> {
    const untilMs = performance.now() + this.#patienceMs;
    for (;;) {
      const listing = await this.#look();
      if (this.#closed || (listing.failure === undefined && listing.unplaced.length === 0)) return listing;
      const knowsSome = listing.streams.length > 0 || listing.failure === undefined;
      if (knowsSome && performance.now() >= untilMs) return listing;
      await Bun.sleep(RETRY_MS);
    }
  }

  async #look(): Promise<StreamListing> {
    let listing: StreamListing;
    try {
      listing = await this.#options.log.list(this.#patienceMs);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      listing = { streams: [], unplaced: [], failure: error };
    }
    if (listing.failure === undefined) this.#failuresInRow = 0;
    else {
      this.#failuresInRow++;
      if (listing.failure.message !== this.#told) this.#options.onError(listing.failure);
    }
    this.#told = listing.failure?.message;
    return listing;
  }

  /** Follows what is not followed yet. Resolves, each, when that is read: not to be waited for by whoever looks on. */
  #take({ streams, unplaced, failure }: StreamListing): Promise<void>[] {
    if (this.#closed) return [];
    if (failure === undefined) this.#missVanished(new Set([...streams, ...unplaced].map(({ id }) => id)));
    const share = Math.floor(this.#options.warmRecordsMax / Math.max(1, streams.length));
    const ofTheStart = this.#incomplete;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#incomplete &&= failure !== undefined;
    this.#unfollowed = 0;
    return streams
      .filter(({ id }) => !this.#known.has(id))
      .map((stream) => {
        const isRecent = ofTheStart || this.#unplaced.delete(stream.id);
        const recent = Math.max(stream.earliest, stream.next - share);
        if (stream.isOlder === true && !isFirst) return this.#follow(stream, stream.next);
        return this.#follow(stream, isRecent ? recent : stream.earliest);
      });
  }

  /** A broker that has just started may not name it for a moment, so that only what stays away is no more. */
  #missVanished(named: ReadonlySet<string>): void {
    for (const [id, missed] of this.#unplaced) {
      this.#unplaced.set(id, named.has(id) ? 0 : missed + 1);
      if (named.has(id) || missed + 1 < VANISHED_LISTINGS) continue;
      this.#unplaced.delete(id);
      this.#options.vanished(id);
    }
  }

  #lookLater(): void {
    if (this.#closed) return;
    const backoffMs = Math.min(LOOK_MS, RETRY_MS * 2 ** this.#failuresInRow) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(
      () => {
        this.#look().then(
          (listing) => {
            void Promise.all(this.#take(listing));
            this.#lookLater();
          },
          (error: unknown) => {
            // Only a defect, or topics that can not live together, gets here: the shard must not go on half blind.
            queueMicrotask(() => {
              throw error;
            });
          },
        );
      },
      this.#incomplete ? backoffMs : LOOK_MS,
    );
  }

  async #follow(stream: LogStream, from: number): Promise<void> {
    const warm = this.#options.found(stream, from);
    if (warm === undefined) {
      this.#unfollowed++;
      this.#unplaced.set(stream.id, 0);
      return;
    }
    this.#known.add(stream.id);
    this.#unplaced.delete(stream.id);
    await warm;
  }
}
