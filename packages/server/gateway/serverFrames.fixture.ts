export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer<ArrayBuffer>;
}

/** The frames that have come whole. Throws on what RFC 6455 (5.1, 5.2, 5.5) forbids a server, and on fragments: ours sends none. */
export function serverFrames(bytes: Buffer<ArrayBuffer>): ServerFrame[] {
  const frames: ServerFrame[] = [];
  let isClosed = false;
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
    const opcode = first & 0x0f;
    if ((first & 0xf0) !== 0x80) throw new Error(`a fragment or reserved bits: ${first.toString(16)}`);
    if (![1, 2, 8, 9, 10].includes(opcode)) throw new Error(`opcode ${opcode}`);
    if (second >= 0x80) throw new Error("a server's frame is masked");
    if (opcode >= 8 && second > 125) throw new Error("a control frame is too long");
    if (isClosed) throw new Error("a frame follows a close");
    const head = second < 126 ? 2 : second === 126 ? 4 : 10;
    if (at + head > bytes.length) break;
    const length = lengthAt(bytes, at, second);
    if (at + head + length > bytes.length) break;
    isClosed = opcode === 8;
    frames.push({ opcode, payload: bytes.subarray(at + head, at + head + length) });
    at += head + length;
  }
  return frames;
}

function lengthAt(bytes: Buffer, at: number, second: number): number {
  if (second < 126) return second;
  const length = second === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
  if (length < (second === 126 ? 126 : 65_536)) throw new Error(`a length of ${length} is padded`);
  return length;
}
