import { LogError, type RangeResult } from "../log/log.ts";
import type { ResumedStream } from "./historyPass.ts";
import type { PacedTask, PacedWork } from "./pacedTask.ts";
import type { MissingStretch, Replay } from "./replay.ts";
import { LOOK_MS, type StreamWait, type StreamWaits } from "./streamWaits.ts";

/** A step that waits longer than this for the log is given up. */
const STEP_MS_MAX = 5000;
/** A shard is behind for a moment only, as a rule; after this it is asked whether there is such a position at all. */
const ASK_LOG_MS = 200;

export interface ResumeOptions {
  readonly replay: Replay;
  readonly waits: StreamWaits;
  /** How long it waits for this shard where that is behind. */
  readonly behindMsMax: number;
  /** Bytes of one piece. */
  readonly pieceBytes: number;
  readonly send: (texts: readonly string[]) => void;
  /**
   * Called in the very turn in which the last piece was sent: a promise would let a message in between. `seenMoreOf` are
   * streams of which the client has seen more than this shard, and must not get it again.
   */
  readonly finish: (recovered: boolean, seenMoreOf: readonly ResumedStream[]) => void;
}

/** Brings one client from its positions to the present: waits for this shard where it is behind, then replays. */
export class Resume implements PacedWork, StreamWait {
  task: PacedTask | undefined;
  readonly #options: ResumeOptions;
  readonly #abort = new AbortController();
  /** What the log has brought and is not sent yet. */
  #read: { readonly stretch: MissingStretch; readonly result: RangeResult } | undefined;
  /** Streams of which the client has seen more than this shard; those that it has reached are taken off at the end. */
  #ahead: ResumedStream[] = [];
  #looks = 0;
  #ended = false;

  constructor(options: ResumeOptions) {
    this.#options = options;
  }

  get cursors(): number {
    return this.#options.replay.cursors;
  }

  begin(task: PacedTask): void {
    const { replay, waits } = this.#options;
    this.task = task;
    this.#ahead = [...replay.ahead];
    if (this.#ahead.length > 0) waits.add(this);
    else task.wake();
  }

  advance(isOver: () => boolean): boolean {
    const { replay, pieceBytes, send } = this.#options;
    const read = this.#read;
    if (read !== undefined) {
      this.#read = undefined;
      const texts = replay.accept(read.stretch, read.result);
      if (texts === undefined) return this.#end(false);
      send(texts);
      return true;
    }
    const step = replay.step(pieceBytes, isOver);
    switch (step.kind) {
      case "impossible":
        return this.#end(false);
      case "read":
        this.#readFromLog(step.stretch);
        return false;
      case "more":
        send(step.texts);
        return true;
      case "finished":
        send(step.texts);
        return this.#end(true);
    }
  }

  release(): void {
    this.#options.replay.release();
  }

  close(): void {
    this.#ended = true;
    this.#options.waits.remove(this);
    this.#abort.abort();
  }

  /** Of the wait for this shard: in the end it goes on without, because nothing is missing, and nothing is repeated. */
  look(): boolean {
    if (!this.#isBehind()) {
      this.task?.wake();
      return true;
    }
    this.#looks += 1;
    if (this.#looks === ASK_LOG_MS / LOOK_MS) this.#checkPositions(false);
    if (this.#looks < this.#options.behindMsMax / LOOK_MS) return false;
    this.#options.waits.givenUp += 1;
    this.#checkPositions(true);
    return true;
  }

  /** Thousands may ask this fifty times a second, so only as far as to the first stream that has to come further. */
  #isBehind(): boolean {
    const { replay } = this.#options;
    for (let last = this.#ahead.at(-1); last !== undefined; last = this.#ahead.at(-1)) {
      if (replay.isAhead(last)) return true;
      this.#ahead.pop();
    }
    return false;
  }

  /** A position that the log does not reach is of another log, or from the future: that can not be gone on from. */
  #checkPositions(isLast: boolean): void {
    const { replay } = this.#options;
    const signal = this.#signal();
    const check = async () => {
      for (const stream of replay.ahead) {
        const seen = await replay.seenInLog(stream, signal);
        // What the shard has reached meanwhile was there, whatever the log said before that.
        if ((seen === false || (seen === "ends" && isLast)) && replay.isAhead(stream)) return false;
        if (signal.aborted) return true;
      }
      return true;
    };
    this.#whenDone(check(), (isKnown) => {
      if (!isKnown) {
        this.#options.waits.remove(this);
        this.#end(false);
      } else if (isLast) this.task?.wake();
    });
  }

  #readFromLog(stretch: MissingStretch): void {
    this.#whenDone(this.#options.replay.read(stretch, this.#signal()), (result) => {
      if (result === undefined) {
        this.#end(false);
        return;
      }
      this.#read = { stretch, result };
      this.task?.wake();
    });
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#abort.signal, AbortSignal.timeout(STEP_MS_MAX)]);
  }

  #whenDone<T>(doing: Promise<T>, then: (result: T) => void): void {
    doing.then(
      (result) => {
        if (!this.#ended) then(result);
      },
      (error: unknown) => {
        // The log is away or too slow, or this client is gone: in each case there is nothing to wait for.
        if (!this.#ended && !(error instanceof LogError || error instanceof DOMException)) throw error;
        this.#end(false);
      },
    );
  }

  #end(recovered: boolean): false {
    if (this.#ended) return false;
    this.#ended = true;
    this.#options.waits.remove(this);
    const { replay, finish } = this.#options;
    finish(recovered && replay.knowsAllStreams, recovered ? replay.seenMoreOf : []);
    return false;
  }
}
