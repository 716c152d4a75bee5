import type { StreamState } from "./streamState.ts";

export interface FollowedStreamsOptions {
  readonly streamsMax: number;
  /** Of those that are gone, so many are remembered. */
  readonly goneMax: number;
  /** A stream that is gone is forgotten: were it there again it would be a new one. */
  readonly forget: (streamId: string) => void;
}

/** The streams that are followed, and those that are gone, which make room for others, the oldest first. */
export class FollowedStreams {
  readonly #options: FollowedStreamsOptions;
  readonly #streams = new Map<string, StreamState>();
  /** The oldest first. */
  readonly #goneIds = new Set<string>();

  constructor(options: FollowedStreamsOptions) {
    this.#options = options;
  }

  /** Whether followed or gone. */
  get(streamId: string): StreamState | undefined {
    return this.#streams.get(streamId);
  }

  /** Those that are gone are among them. */
  all(): Iterable<StreamState> {
    return this.#streams.values();
  }

  get followed(): number {
    return this.#streams.size - this.#goneIds.size;
  }

  /** Whether one more can be followed. What is gone makes room. */
  get hasRoom(): boolean {
    return this.followed < this.#options.streamsMax;
  }

  /** Ask `hasRoom` first. */
  add(stream: StreamState): void {
    if (this.#streams.size >= this.#options.streamsMax) this.#forgetBeyond(this.#goneIds.size - 1);
    this.#streams.set(stream.id, stream);
  }

  /** From now on it takes no room. */
  gone(stream: StreamState): void {
    this.#goneIds.add(stream.id);
  }

  returned(stream: StreamState): void {
    this.#goneIds.delete(stream.id);
  }

  /** Once what became of the stream that is gone last has been told. */
  forgetOldest(): void {
    this.#forgetBeyond(this.#options.goneMax);
  }

  #forgetBeyond(countMax: number): void {
    for (const streamId of this.#goneIds) {
      if (this.#goneIds.size <= countMax) return;
      this.#goneIds.delete(streamId);
      this.#streams.delete(streamId);
      this.#options.forget(streamId);
    }
  }
}
