import {
  LogError,
  type LogStream,
  type RangeRequest,
  type RangeResult,
  type StreamListing,
  type StreamLog,
} from "./log.ts";
import { StreamCollisionError } from "./streamId.ts";

/** Streams that no log tells of any more whose log is remembered. */
const FORMER_MAX = 4_096;

/** Several logs as one: a read goes to the log that has the stream. */
export class CompositeLog implements StreamLog {
  readonly #logs: readonly StreamLog[];
  /** Whose a stream is, or was when it was last told of: those not told of for the longest time come first. */
  readonly #owners = new Map<string, StreamLog>();
  /** Questions under way: a log that hangs is not asked a second time. */
  readonly #asking = new Map<StreamLog, Promise<LogStream[]>>();
  /** Streams of the last listing that were left out, because a log that knows better has one of the same id. */
  leftOut = 0;

  constructor(logs: readonly StreamLog[]) {
    this.#logs = logs;
  }

  /** Rejects with `StreamCollisionError` too. */
  async streams(): Promise<LogStream[]> {
    return this.#join(await Promise.all(this.#logs.map((log) => log.streams())));
  }

  /**
   * The streams of those logs that answer within `patienceMs`, so that one that is away hides only its own. Rejects
   * with `StreamCollisionError`, and with what a log rejects with that is no `LogError`.
   */
  async list(patienceMs: number): Promise<StreamListing> {
    const answers = await Promise.all(this.#logs.map((log) => this.#ask(log, patienceMs)));
    const streams = this.#join(answers.map((answer) => (answer instanceof LogError ? undefined : answer)));
    const unplaced = this.#logs.flatMap((log, index) =>
      answers[index] instanceof LogError ? [] : (log.unplaced ?? []),
    );
    // A stream of which nothing but its name is known belongs to its log all the same.
    for (const log of this.#logs) for (const { id } of log.unplaced ?? []) this.#own(id, log);
    return { streams, unplaced, failure: answers.find((answer) => answer instanceof LogError) };
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    const owner = this.#owners.get(request.streamId) ?? (await this.#find(request.streamId));
    if (owner !== undefined) return await owner.read(request);
    // Each log says by itself when a stream that it does not know is gone: Kafka waits for brokers that only start.
    let gone: RangeResult = { kind: "gone" };
    for (const log of this.#logs) {
      const result = await log.read(request);
      if (result.kind !== "gone") return result;
      if (result.isEndUnknown === true) gone = result;
    }
    return gone;
  }

  /** Whether the stream is in the memory of another instance, which is away together with the bus. */
  isOfPeer(streamId: string): boolean {
    return this.#owners.get(streamId)?.isHearsay === true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
  }

  async #ask(log: StreamLog, patienceMs: number): Promise<LogStream[] | LogError> {
    const { promise: tooLate, resolve } = Promise.withResolvers<LogError>();
    const timer = setTimeout(
      () =>
        resolve(new LogError("log_unavailable", `a log has not told its streams within ${patienceMs} ms`)),
      patienceMs,
    );
    let asking = this.#asking.get(log);
    if (asking === undefined) {
      asking = log.streams().finally(() => this.#asking.delete(log));
      this.#asking.set(log, asking);
      // Whoever still waits hears of it below; nobody may be left when it fails late, and then the next look tells.
      asking.catch(() => undefined);
    }
    try {
      return await Promise.race([asking, tooLate]);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      return error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What each log tells, in their order; undefined where it does not answer. */
  #join(found: ReadonlyArray<readonly LogStream[] | undefined>): LogStream[] {
    const streams = new Map<string, LogStream>();
    this.leftOut = 0;
    // Whoever may publish on the bus may name any stream there, and must not end every instance by it.
    const logs = [...this.#logs.entries()].sort(([, a], [, b]) => rank(a) - rank(b));
    for (const [index, log] of logs) {
      for (const stream of found[index] ?? []) {
        const other = streams.get(stream.id);
        if (other !== undefined && log.isHearsay === true) {
          this.leftOut++;
          continue;
        }
        if (other !== undefined) throw new StreamCollisionError(stream.id, other.name, stream.name);
        streams.set(stream.id, stream);
        this.#own(stream.id, log);
      }
    }
    // What a log does not tell of once is not gone yet: its log says when it is. But logs' streams come and go, and
    // shards run for months.
    for (const id of this.#owners.keys()) {
      if (this.#owners.size <= streams.size + FORMER_MAX) break;
      this.#owners.delete(id);
    }
    return [...streams.values()];
  }

  #own(streamId: string, log: StreamLog): void {
    this.#owners.delete(streamId);
    this.#owners.set(streamId, log);
  }

  /** One log that does not answer hides only its own streams. */
  async #find(streamId: string): Promise<StreamLog | undefined> {
    let failure: unknown;
    for (const log of this.#logs) {
      try {
        if (!(await log.streams()).some((stream) => stream.id === streamId)) continue;
        this.#own(streamId, log);
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

function rank({ isHearsay }: StreamLog): number {
  return isHearsay === true ? 1 : 0;
}
