/** Writes the parts of a frame into one buffer whose size was reckoned beforehand. */
export class FrameWriter {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #position = 0;

  constructor(bytesMax: number) {
    // Not from Node's pool: a frame may live long in a queue and would pin the whole pool slab.
    this.#buffer = Buffer.allocUnsafeSlow(bytesMax);
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, bytesMax);
  }

  byte(value: number): void {
    this.#buffer[this.#position++] = value;
  }

  /** LEB128 of a safe integer ≥ 0. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no count or offset`);
    let rest = value;
    // Bit operators work on 32 bits only, and offsets have up to 53.
    while (rest > 0x7f_ff_ff_ff) {
      this.byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** A whole number, not a safe one: some producers put nanoseconds where milliseconds belong. */
  float(value: number): void {
    if (!Number.isInteger(value)) throw new RangeError(`${value} is no whole number of ms`);
    this.#view.setFloat64(this.#position, value);
    this.#position += 8;
  }

  ascii(text: string, length: number): void {
    if (text.length !== length) throw new RangeError(`"${text}" does not have ${length} characters`);
    this.#buffer.write(text, this.#position, length, "latin1");
    this.#position += length;
  }

  /** UTF-8 of at most 255 bytes behind one byte of length. */
  shortText(text: string): void {
    const length = Buffer.byteLength(text);
    if (length > 255) throw new RangeError("a short text has at most 255 bytes");
    this.byte(length);
    this.#buffer.write(text, this.#position, length, "utf8");
    this.#position += length;
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#position);
  }
}
