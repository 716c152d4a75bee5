import type { ClientSocket } from "./clientSocket.ts";
import type { QueuedTask, ReplayQueue } from "./replayQueue.ts";

/** What is sent to one client beside live messages: a replay, or last values. */
export interface PacedWork {
  readonly cursors: number;
  /** Sends the next piece. False where it has ended, or waits for something else: `PacedTask.wake` goes on with it. */
  advance(isOver: () => boolean): boolean;
  release(): void;
  /** The client is gone. */
  close(): void;
}

/** Takes work on step by step: in its turn among all connections, and as fast as its client takes what is sent. */
export class PacedTask implements QueuedTask {
  readonly #socket: ClientSocket;
  readonly #queue: ReplayQueue;
  readonly #bufferBytes: number;
  readonly #work: PacedWork;
  #waitsForClient = false;
  #hasEnded = false;

  /** `bufferBytes`: unsent bytes at which the work waits for its client. */
  constructor(
    socket: ClientSocket,
    { queue, bufferBytes, work }: { queue: ReplayQueue; bufferBytes: number; work: PacedWork },
  ) {
    this.#socket = socket;
    this.#queue = queue;
    this.#bufferBytes = bufferBytes;
    this.#work = work;
  }

  get cursors(): number {
    return this.#hasEnded ? 0 : this.#work.cursors;
  }

  step(isOver: () => boolean): void {
    if (this.#hasEnded) return;
    if (this.#socket.getBufferedAmount() >= this.#bufferBytes) {
      this.#waitsForClient = true;
      return;
    }
    if (this.#work.advance(isOver)) this.wake();
  }

  release(): void {
    this.#work.release();
  }

  /** There is something to do again. */
  wake(): void {
    if (!this.#hasEnded) this.#queue.add(this);
  }

  /** The client has taken what was buffered for it. */
  drained(): void {
    if (!this.#waitsForClient) return;
    this.#waitsForClient = false;
    this.wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#queue.remove(this);
  }

  close(): void {
    this.end();
    this.#work.close();
  }
}

/** Work that is made only in its turn: `make` wakes the task once there is something to send, or ends it. */
export class MadeInTurn implements PacedWork {
  readonly #make: () => PacedWork | undefined;
  #work: PacedWork | undefined = undefined;

  constructor(make: () => PacedWork | undefined) {
    this.#make = make;
  }

  get cursors(): number {
    return this.#work?.cursors ?? 0;
  }

  advance(isOver: () => boolean): boolean {
    if (this.#work !== undefined) return this.#work.advance(isOver);
    this.#work = this.#make();
    return false;
  }

  release(): void {
    this.#work?.release();
  }

  close(): void {
    this.#work?.close();
  }
}
