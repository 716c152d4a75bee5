import { LogError, type LogStream, type RangeRequest, type RangeResult, type StreamLog } from "./log.ts";

/** Two streams with the same id could not be told apart in cursors, so no process may go on with them. */
export class StreamCollisionError extends Error {
  override readonly name = "StreamCollisionError";
  readonly code = "stream_collision";
  constructor(one: LogStream, other: LogStream) {
    super(`the streams ${one.name} and ${other.name} have the same id ${one.id}: rename one of the topics`);
  }
}

/** Several logs as one: a read goes to the log that has the stream. */
export class CompositeLog implements StreamLog {
  readonly #logs: readonly StreamLog[];
  #owners = new Map<string, StreamLog>();

  constructor(logs: readonly StreamLog[]) {
    this.#logs = logs;
  }

  /** Rejects with `StreamCollisionError` too. */
  async streams(): Promise<LogStream[]> {
    const found = await Promise.all(this.#logs.map((log) => log.streams()));
    const streams = new Map<string, LogStream>();
    for (const [index, log] of this.#logs.entries()) {
      for (const stream of found[index] ?? []) {
        const other = streams.get(stream.id);
        if (other !== undefined) throw new StreamCollisionError(other, stream);
        streams.set(stream.id, stream);
        this.#owners.set(stream.id, log);
      }
    }
    // Logs whose streams come and go, and shards that run for months: what is gone is forgotten.
    for (const id of this.#owners.keys()) if (!streams.has(id)) this.#owners.delete(id);
    return [...streams.values()];
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    const owner = this.#owners.get(request.streamId) ?? (await this.#find(request.streamId));
    return owner === undefined ? { kind: "gone" } : await owner.read(request);
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
  }

  /** One log that does not answer hides only its own streams. */
  async #find(streamId: string): Promise<StreamLog | undefined> {
    let failure: unknown;
    for (const log of this.#logs) {
      try {
        if (!(await log.streams()).some((stream) => stream.id === streamId)) continue;
        this.#owners.set(streamId, log);
        return log;
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        failure = error;
      }
    }
    // The stream may be in the log that did not answer, so it is not known to be gone.
    if (failure !== undefined) throw failure;
    return undefined;
  }
}
