import { Fifo } from "./fifo.ts";

/** The part of a Bun socket that this needs. `write` takes what fits and returns how much that was; −1 when closed. */
interface WritableSocket {
  write(bytes: Uint8Array): number;
}

/** Small chunks are joined up to this size, so that they share a system call. */
const BLOCK_BYTES_MAX = 256 * 1024;

/** What waits to be written to one socket, bounded in bytes. */
export class OutgoingBytes {
  readonly bytesMax: number;
  readonly #chunks = new Fifo<Uint8Array>();
  /** Bytes of the first chunk that are written already. */
  #written = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False, and nothing is queued, where it would be too much. An empty queue takes a chunk of any size. */
  enqueue(chunk: Uint8Array): boolean {
    if (this.#bytes > 0 && this.#bytes + chunk.length > this.bytesMax) return false;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return true;
  }

  /** Writes until the socket takes no more; its `drain` event is the time to call again. */
  flush(socket: WritableSocket): void {
    for (;;) {
      const block = this.#nextBlock();
      if (block === undefined) return;
      const written = socket.write(block);
      if (written > 0) this.#consume(written);
      if (written < block.length) return;
    }
  }

  clear(): void {
    this.#chunks.clear();
    this.#written = 0;
    this.#bytes = 0;
  }

  #nextBlock(): Uint8Array | undefined {
    const first = this.#chunks.peek()?.subarray(this.#written);
    if (first === undefined) return undefined;
    const parts = [first];
    let bytes = first.length;
    for (;;) {
      const next = this.#chunks.peek(parts.length);
      if (next === undefined || bytes + next.length > BLOCK_BYTES_MAX) break;
      parts.push(next);
      bytes += next.length;
    }
    return parts.length === 1 ? first : Buffer.concat(parts, bytes);
  }

  #consume(written: number): void {
    this.#bytes -= written;
    this.#written += written;
    for (;;) {
      const first = this.#chunks.peek();
      if (first === undefined || this.#written < first.length) return;
      this.#written -= first.length;
      this.#chunks.shift();
    }
  }
}
