/** What goes over the local bus's socket: four bytes of body length, one of type, the body. */
export const LOCAL_MESSAGE = {
  /** Shard → supervisor: send me frames from now on. No body. */
  subscribe: 1,
  /** Shard → supervisor: no more frames. No body. */
  unsubscribe: 2,
  /** Shard → supervisor: a frame for everybody. */
  publish: 3,
  /** Supervisor → shard: you are subscribed. No body. */
  subscribed: 4,
  /** Supervisor → shard: so many more of your frames are accepted, as 32 bits. Order says which. */
  accepted: 5,
  /** Supervisor → shard: a frame of somebody. */
  frame: 6,
} as const;

const LOCAL_HEADER_BYTES = 5;

/** Frames are copied between processes as a whole, so they stay well below what a socket buffer can stall on. */
export const LOCAL_MAX_FRAME_BYTES = 4 * 1024 * 1024;

export function localHeader(type: number, bodyBytes: number): Buffer {
  const header = Buffer.allocUnsafe(LOCAL_HEADER_BYTES);
  header.writeUInt32BE(bodyBytes, 0);
  header[4] = type;
  return header;
}

export class LocalMessageError extends Error {
  override readonly name = "LocalMessageError";
  readonly code = "local_message_malformed";
}

/** Cuts what comes over a socket into messages, wherever the chunks begin and end. */
export class LocalMessageReader {
  readonly #bodyBytesMax: number;
  readonly #onMessage: (type: number, body: Uint8Array) => void;
  readonly #header = Buffer.alloc(LOCAL_HEADER_BYTES);
  #headerBytes = 0;
  #body: Uint8Array | undefined;
  #bodyBytes = 0;

  constructor(bodyBytesMax: number, onMessage: (type: number, body: Uint8Array) => void) {
    this.#bodyBytesMax = bodyBytesMax;
    this.#onMessage = onMessage;
  }

  /**
   * Bodies that lie within the chunk are views of it: the transport gives each chunk a buffer of its own. Throws
   * `LocalMessageError` for a body that is too long; the connection is then useless.
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== undefined) {
        at += this.#fillBody(this.#body, chunk.subarray(at));
        continue;
      }
      const part = chunk.subarray(at, at + LOCAL_HEADER_BYTES - this.#headerBytes);
      this.#header.set(part, this.#headerBytes);
      this.#headerBytes += part.length;
      at += part.length;
      if (this.#headerBytes < LOCAL_HEADER_BYTES) return;
      this.#headerBytes = 0;
      const length = this.#header.readUInt32BE(0);
      if (length > this.#bodyBytesMax)
        throw new LocalMessageError(`a message of ${length} bytes is too long`);
      if (at + length <= chunk.length) {
        this.#onMessage(this.#type, chunk.subarray(at, at + length));
        at += length;
      } else {
        this.#body = Buffer.allocUnsafeSlow(length);
        this.#bodyBytes = 0;
      }
    }
  }

  #fillBody(body: Uint8Array, chunk: Uint8Array): number {
    const part = chunk.subarray(0, body.length - this.#bodyBytes);
    body.set(part, this.#bodyBytes);
    this.#bodyBytes += part.length;
    if (this.#bodyBytes === body.length) {
      this.#body = undefined;
      this.#onMessage(this.#type, body);
    }
    return part.length;
  }

  get #type(): number {
    return this.#header[4] ?? 0;
  }
}
