export interface ClientFrame {
  readonly opcode: number;
  readonly payload?: string | readonly number[];
  /** Default: true. */
  readonly isLast?: boolean;
  /** Bits of RSV1 (4), RSV2 (2) and RSV3 (1). */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Bits of the length; the fewest that hold it where it is left out. */
  readonly lengthBits?: 7 | 16 | 64;
  /** Told instead of the payload's own. */
  readonly length?: bigint;
}

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

const MASK = [0x37, 0xfa, 0x21, 0x3d];

/** The bytes of a frame as a client sends it, or as no client should. */
export function clientFrame(frame: ClientFrame): Buffer {
  const { opcode, isLast = true, reserved = 0, isMasked = true } = frame;
  const payload = bytesOf(frame.payload ?? "");
  const length = frame.length ?? BigInt(payload.length);
  const bits = frame.lengthBits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const head = Buffer.alloc(bits === 7 ? 2 : bits === 16 ? 4 : 10);
  head[0] = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (bits === 7 ? Number(length) : bits === 16 ? 126 : 127);
  if (bits === 16) head.writeUInt16BE(Number(length), 2);
  if (bits === 64) head.writeBigUInt64BE(length, 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const masked = payload.map((byte, index) => byte ^ (MASK[index % 4] ?? 0));
  return Buffer.concat([head, Buffer.from(MASK), masked]);
}

export const text = (payload: string) => clientFrame({ opcode: TEXT, payload });

export function closeFrame(code: number, reason: string | readonly number[] = ""): Buffer {
  return clientFrame({ opcode: CLOSE, payload: [code >> 8, code & 0xff, ...bytesOf(reason)] });
}

function bytesOf(payload: string | readonly number[]): Buffer {
  return typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
}
