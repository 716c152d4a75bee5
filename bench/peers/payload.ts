// The messages of all peers: the same bytes of JSON, which their receivers find in whatever is wrapped around them.
const MARK = [...'{"bench":'].map((letter) => letter.charCodeAt(0));
const NUMBER_AT = MARK.length;
/** Numbers begin here, so that all have as many digits. */
const FIRST = 1_000_000_000;
const NUMBER_DIGITS = 10;
const TIME_AT = NUMBER_AT + NUMBER_DIGITS + ',"t":'.length;
const TIME_DIGITS = 16;
const REST = `,"symbol":"BTC","price":64170.5,"size":0.01578,"side":"buy","filler":"${"x".repeat(150)}"}`;

export const PAYLOAD_BYTES = TIME_AT + TIME_DIGITS + REST.length;

export function nowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

export function payload(n: number, sentUs: number): string {
  return `{"bench":${FIRST + n},"t":${sentUs}${REST}`;
}

/** Calls back for each message in a frame, for some servers put several into one; returns how many there were. */
export function readPayloads(
  bytes: Uint8Array,
  start: number,
  end: number,
  onMessage: (n: number, sentUs: number) => void,
): number {
  let found = 0;
  for (let at = start; at <= end - PAYLOAD_BYTES; at++) {
    if (!isMark(bytes, at)) continue;
    const number = digits(bytes, at + NUMBER_AT, NUMBER_DIGITS);
    onMessage(number - FIRST, digits(bytes, at + TIME_AT, TIME_DIGITS));
    found += 1;
    at += PAYLOAD_BYTES - 1;
  }
  return found;
}

function isMark(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < MARK.length; index++) {
    if (bytes[at + index] !== MARK[index]) return false;
  }
  return true;
}

function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++) value = value * 10 + (bytes[index] as number) - 48;
  return value;
}
