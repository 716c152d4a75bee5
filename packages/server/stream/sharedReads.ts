import type { RangeRequest, RangeResult, StreamLog } from "../log/log.ts";

interface SharedRead {
  readonly result: Promise<RangeResult>;
  readonly abort: AbortController;
  waiting: number;
}

/**
 * Reads equal ranges once: clients that resume after the same outage ask for the same stretch in the same moment. Only reads in flight are shared and nothing is kept afterwards, so it needs no bound beyond its
 * callers' own. A read is given up when everybody who asked for it has given up.
 */
export class SharedReads implements Pick<StreamLog, "read"> {
  readonly #log: Pick<StreamLog, "read">;
  readonly #reads = new Map<string, SharedRead>();
  /** Reads that were answered by another's. */
  shared = 0;

  constructor(log: Pick<StreamLog, "read">) {
    this.#log = log;
  }

  get inFlight(): number {
    return this.#reads.size;
  }

  read(request: RangeRequest): Promise<RangeResult> {
    if (request.signal?.aborted) return Promise.reject(request.signal.reason);
    const key = `${request.streamId}:${request.after}:${request.through}:${request.bytesMax}`;
    let read = this.#reads.get(key);
    if (read === undefined) read = this.#begin(key, request);
    else this.shared++;
    read.waiting++;
    return request.signal === undefined ? read.result : this.#untilAborted(key, read, request.signal);
  }

  #begin(key: string, { streamId, after, through, bytesMax }: RangeRequest): SharedRead {
    const abort = new AbortController();
    const result = this.#log.read({ streamId, after, through, bytesMax, signal: abort.signal });
    const read: SharedRead = { result, abort, waiting: 0 };
    this.#reads.set(key, read);
    const forget = () => this.#forget(key, read);
    result.then(forget, forget);
    return read;
  }

  #untilAborted(key: string, read: SharedRead, signal: AbortSignal): Promise<RangeResult> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        read.waiting--;
        if (read.waiting === 0) {
          // Forgotten at once, so that nobody joins a read that is being given up.
          this.#forget(key, read);
          read.abort.abort(signal.reason);
        }
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const done = () => signal.removeEventListener("abort", onAbort);
      read.result.then(
        (result) => {
          done();
          resolve(result);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
    });
  }

  #forget(key: string, read: SharedRead): void {
    if (this.#reads.get(key) === read) this.#reads.delete(key);
  }
}
