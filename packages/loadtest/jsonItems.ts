const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where each item of a JSON array lies in its bytes, without parsing any of them: a deflated frame holds one of messages. */
export function* jsonItems(bytes: Uint8Array): Iterable<readonly [start: number, end: number]> {
  let depth = 0;
  let start = 1;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      for (at += 1; bytes[at] !== QUOTE && at < bytes.length; at++) if (bytes[at] === BACKSLASH) at += 1;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      depth -= 1;
      if (depth === 0 && at > start) yield [start, at];
    } else if (byte === COMMA && depth === 1) {
      yield [start, at];
      start = at + 1;
    }
  }
}
