/**
 * How deep arrays and objects may nest. Clients parse with recursive parsers whose stacks end (Python's at 1,000), and
 * one deep message must not break a client, so deeper payloads are not forwarded as JSON.
 */
export const JSON_DEPTH_MAX = 512;

/**
 * Whether bytes that are known to be UTF-8 are one JSON text (RFC 8259) of bounded depth. It does the work of
 * `JSON.parse` without decoding the text or building anything, because most payloads are only forwarded. A byte
 * order mark is not JSON.
 */
export function isJsonText(bytes: Uint8Array): boolean {
  const at = skipValue(bytes, skipSpace(bytes, 0));
  return at !== INVALID && skipSpace(bytes, at) === bytes.length;
}

/** The position after the JSON value that begins at `start`; `INVALID` where none does, or where it is too deep. */
export function skipValue(bytes: Uint8Array, start: number): number {
  /** For each open array or object, the byte that closes it. */
  const closers: number[] = [];
  let at = start;
  for (;;) {
    // A value begins here.
    const byte = bytes[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const closer = byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== closer) {
        if (closers.length === JSON_DEPTH_MAX) return INVALID;
        closers.push(closer);
        if (closer === CLOSE_BRACE) at = skipName(bytes, at);
        if (at === INVALID) return INVALID;
        continue;
      }
      if (closers.length === JSON_DEPTH_MAX) return INVALID;
      at++;
    } else {
      at = skipScalar(bytes, at);
      if (at === INVALID) return INVALID;
    }
    // A value has ended: close what it ends, or go on to the next one.
    for (;;) {
      const closer = closers.at(-1);
      if (closer === undefined) return at;
      at = skipSpace(bytes, at);
      if (bytes[at] === closer) {
        closers.pop();
        at++;
        continue;
      }
      if (bytes[at] !== COMMA) return INVALID;
      at = skipSpace(bytes, at + 1);
      if (closer === CLOSE_BRACE) at = skipName(bytes, at);
      if (at === INVALID) return INVALID;
      break;
    }
  }
}

/** Every skip function returns the position after what it skipped, or this. */
export const INVALID = -1;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const LOWER_E = 0x65;
const UPPER_E = 0x45;
const LOWER_U = 0x75;

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");

export function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

/** The name of a member, its colon, and the space on to its value. */
function skipName(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== QUOTE) return INVALID;
  const nameEnd = skipString(bytes, start);
  if (nameEnd === INVALID) return INVALID;
  const colon = skipSpace(bytes, nameEnd);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : INVALID;
}

function skipScalar(bytes: Uint8Array, start: number): number {
  switch (bytes[start]) {
    case QUOTE:
      return skipString(bytes, start);
    case 0x74:
      return skipWord(bytes, start, TRUE);
    case 0x66:
      return skipWord(bytes, start, FALSE);
    case 0x6e:
      return skipWord(bytes, start, NULL);
    default:
      return skipNumber(bytes, start);
  }
}

export function skipString(bytes: Uint8Array, start: number): number {
  const end = bytes.length;
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return INVALID;
    if (byte !== BACKSLASH) continue;
    at++;
    if (bytes[at] === LOWER_U) {
      for (let digit = 1; digit <= 4; digit++) if (!isHexDigit(bytes[at + digit])) return INVALID;
      at += 4;
    } else if (!isEscape(bytes[at])) return INVALID;
  }
  return INVALID;
}

function skipWord(bytes: Uint8Array, start: number, word: Uint8Array): number {
  for (let index = 1; index < word.length; index++) if (bytes[start + index] !== word[index]) return INVALID;
  return start + word.length;
}

function skipNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  if (bytes[at] === DIGIT_0) at++;
  else at = skipDigits(bytes, at);
  if (at !== INVALID && bytes[at] === DOT) at = skipDigits(bytes, at + 1);
  if (at !== INVALID && (bytes[at] === LOWER_E || bytes[at] === UPPER_E)) {
    at++;
    if (bytes[at] === PLUS || bytes[at] === MINUS) at++;
    at = skipDigits(bytes, at);
  }
  return at;
}

/** One digit at least. */
function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(bytes[at])) at++;
  return at === start ? INVALID : at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_9;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

/** What may follow a backslash, beside `u`: `" \ / b f n r t`. */
function isEscape(byte: number | undefined): boolean {
  switch (byte) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}
