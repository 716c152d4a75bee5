export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Called for each whole frame: its payload is `bytes[start..end)`, valid only during the call. */
export type OnFrame = (opcode: number, bytes: Uint8Array, start: number, end: number) => void;

/** A server that announces more than this is not one that we test: its bytes would be gathered for ever. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Walks over the frames of one received chunk (RFC 6455, from a server: unmasked, unfragmented) and returns the index
 * of the first byte that belongs to a frame not yet whole. Throws a `FrameError` for what no server may send.
 */
export function readFrames(bytes: Uint8Array, from: number, onFrame: OnFrame): number {
  const length = bytes.length;
  let at = from;
  while (length - at >= 2) {
    const first = bytes[at] as number;
    const short = bytes[at + 1] as number;
    let start = at + 2;
    let size = short;
    if (short === 126) {
      if (length - at < 4) return at;
      size = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
      start = at + 4;
    } else if (short === 127) {
      if (length - at < 10) return at;
      size = 0;
      for (let index = at + 2; index < at + 10; index++) size = size * 256 + (bytes[index] as number);
      if (size > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${size} bytes`);
      start = at + 10;
    } else if (short > 127) {
      throw new FrameError("a masked frame");
    }
    if ((first & 0xf0) !== 0x80) throw new FrameError("a fragment, or a frame with reserved bits");
    const end = start + size;
    if (end > length) return at;
    onFrame(first & 15, bytes, start, end);
    at = end;
  }
  return at;
}

/** The server sent what is no frame, or one that the generator does not read. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

const encoder = new TextEncoder();

/** A client's frame. Its mask is zeros: a mask all the same, and the bytes stay as they are. */
export function clientFrame(opcode: number, payload: Uint8Array | string): Uint8Array {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const size = bytes.length;
  const head =
    size < 126
      ? [0x80 | opcode, 0x80 | size]
      : size < 65_536
        ? [0x80 | opcode, 0xfe, size >> 8, size & 255]
        : [0x80 | opcode, 0xff, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255];
  const frame = new Uint8Array(head.length + 4 + size);
  frame.set(head);
  frame.set(bytes, head.length + 4);
  return frame;
}
