import { FrameError } from "./frame.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the parts of a frame and throws `FrameError` rather than read beyond its end. */
export class FrameReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    const value = this.#buffer[this.#position];
    if (value === undefined) throw new FrameError("the frame ends too early");
    this.#position++;
    return value;
  }

  /** A safe integer ≥ 0 in its shortest form: a number has one encoding only. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new FrameError("a number is too great");
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw new FrameError("a number is padded");
        return value;
      }
      if (scale >= 2 ** 49) throw new FrameError("a number is too long");
      scale *= 128;
    }
  }

  /** How many items follow, each of at least `itemBytesMin`: more than fit are refused before the first is read. */
  count(itemBytesMin: number): number {
    const count = this.varint();
    if (count * itemBytesMin > this.#buffer.length - this.#position) {
      throw new FrameError("the frame names more items than it can hold");
    }
    return count;
  }

  float(): number {
    this.#need(8);
    const value = this.#buffer.readDoubleBE(this.#position);
    this.#position += 8;
    return value;
  }

  ascii(length: number): string {
    this.#need(length);
    const text = this.#buffer.toString("latin1", this.#position, this.#position + length);
    this.#position += length;
    return text;
  }

  shortText(): string {
    const bytes = this.bytes(this.byte());
    try {
      return UTF8.decode(bytes);
    } catch (cause) {
      throw new FrameError("a text is not UTF-8", { cause });
    }
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    this.#need(length);
    const bytes = this.#buffer.subarray(this.#position, this.#position + length);
    this.#position += length;
    return bytes;
  }

  end(): void {
    if (this.#position !== this.#buffer.length) throw new FrameError("bytes follow the end of the frame");
  }

  #need(length: number): void {
    if (length > this.#buffer.length - this.#position) throw new FrameError("the frame ends too early");
  }
}
