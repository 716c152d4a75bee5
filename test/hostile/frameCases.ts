import {
  BINARY,
  CLOSE,
  type ClientFrame,
  CONTINUATION,
  clientFrame,
  closeFrame,
  PING,
  PONG,
  TEXT,
  text,
} from "./clientFrame.ts";

/** What a client sees of a server. Each of `answers` is a frame of its own, in the words of `answerOf`. */
export type FrameReaction =
  | { readonly kind: "serves"; readonly answers: readonly string[] }
  /** A close frame, then the end of TCP; without a code where the frame has none. */
  | { readonly kind: "closes"; readonly code: number | undefined; readonly answers: readonly string[] };

export interface FrameCase {
  readonly title: string;
  /** Of RFC 6455. */
  readonly section: string;
  /** After a handshake; each its own write. */
  readonly sends: readonly Buffer[];
  readonly rfc: FrameReaction;
  /** Where this server does otherwise, and why that harms nobody. docs/security.md lists these by their titles. */
  readonly here?: { readonly reaction: FrameReaction; readonly because: string };
}

/** Of the instance that the cases are for. */
export const MESSAGE_BYTES_MAX = 131_072;

export const REQUEST = '{"type":"ping","id":1}';
const ANSWER = "answer 1";

const serves = (...answers: string[]): FrameReaction => ({ kind: "serves", answers });
const closes = (code: number | undefined, ...answers: string[]): FrameReaction => ({
  ...{ kind: "closes", code, answers },
});

const oneFrame = (title: string, section: string, frame: ClientFrame, rfc: FrameReaction): FrameCase => ({
  ...{ title, section, sends: [clientFrame(frame)], rfc },
});
const part = (opcode: number, payload: string | readonly number[], isLast = false): Buffer =>
  clientFrame({ opcode, payload, isLast });
const last = (payload: string | readonly number[]): Buffer => part(CONTINUATION, payload, true);
const [FIRST_HALF, SECOND_HALF] = [REQUEST.slice(0, 9), REQUEST.slice(9)];

const RESERVED: readonly FrameCase[] = [
  ...[4, 2, 1].map((reserved, index) =>
    oneFrame(`RSV${index + 1}`, "5.2", { opcode: TEXT, payload: REQUEST, reserved }, closes(1002)),
  ),
  oneFrame("RSV1 on a ping", "5.2", { opcode: PING, reserved: 4 }, closes(1002)),
  oneFrame("RSV1 on a close", "5.2", { opcode: CLOSE, reserved: 4 }, closes(1002)),
  {
    ...{ title: "RSV1 on a continuation", section: "5.2", rfc: closes(1002) },
    sends: [part(TEXT, "{"), clientFrame({ opcode: CONTINUATION, payload: "}", reserved: 4 })],
  },
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    oneFrame(`opcode ${opcode}`, "5.2", { opcode, payload: "x" }, closes(1002)),
  ),
  {
    ...{ title: "a reserved opcode between fragments", section: "5.2", rfc: closes(1002) },
    sends: [part(TEXT, "{"), clientFrame({ opcode: 3 })],
  },
];

const MASKS: readonly FrameCase[] = [
  oneFrame("a text without a mask", "5.1", { opcode: TEXT, payload: REQUEST, isMasked: false }, closes(1002)),
  oneFrame("an empty text without a mask", "5.1", { opcode: TEXT, isMasked: false }, closes(1002)),
  oneFrame("a ping without a mask", "5.1", { opcode: PING, isMasked: false }, closes(1002)),
  oneFrame("a close without a mask", "5.1", { opcode: CLOSE, isMasked: false }, closes(1002)),
  {
    ...{ title: "a continuation without a mask", section: "5.1", rfc: closes(1002) },
    sends: [part(TEXT, "{"), clientFrame({ opcode: CONTINUATION, payload: "}", isMasked: false })],
  },
  {
    ...{ title: "bytes of HTTP", section: "5.1", rfc: closes(1002) },
    sends: [Buffer.from("GET /live HTTP/1.1\r\nHost: x\r\n\r\n")],
  },
  { title: "zeros", section: "5.1", sends: [Buffer.alloc(100)], rfc: closes(1002) },
  { title: "ones", section: "5.2", sends: [Buffer.alloc(100, 0xff)], rfc: closes(1002) },
];

const padded = (title: string, payload: string, lengthBits: 16 | 64): FrameCase => ({
  ...oneFrame(title, "5.2", { opcode: TEXT, payload, lengthBits }, closes(1002)),
  here: {
    reaction: serves(ANSWER),
    because: "it says the same as the shorter form, and nothing before the server reads frames",
  },
});
const announced = (title: string, length: bigint): FrameCase =>
  oneFrame(title, "5.2", { opcode: TEXT, payload: "x", length, lengthBits: 64 }, closes(1009));

const LENGTHS: readonly FrameCase[] = [
  ...[125, 126, 127, 65_535, 65_536, MESSAGE_BYTES_MAX].map((length) =>
    oneFrame(
      `a text of ${length} bytes`,
      "5.2",
      { opcode: TEXT, payload: REQUEST.padEnd(length) },
      serves(ANSWER),
    ),
  ),
  oneFrame("a text of no bytes", "5.2", { opcode: TEXT }, serves("error bad_request")),
  oneFrame("a binary message of no bytes", "5.2", { opcode: BINARY }, serves("error bad_request")),
  padded("a short length in 16 bits", REQUEST, 16),
  padded("a short length in 64 bits", REQUEST, 64),
  padded("a length of 200 in 64 bits", REQUEST.padEnd(200), 64),
  // Only announced: a server that closes with unread bytes before it resets TCP, and its close frame may be lost.
  announced("a text beyond the limit", BigInt(MESSAGE_BYTES_MAX + 1)),
  announced("4 GiB, announced", 1n << 32n),
  announced("a length that 32 bits would cut to a short one", (1n << 32n) + 1n),
  announced("2^62 bytes, announced", 1n << 62n),
  ...[
    ["a length with the top bit", (1n << 63n) + 1n] as const,
    ["a length of ones", (1n << 64n) - 1n] as const,
  ].map(([title, length]) => ({
    ...announced(title, length),
    rfc: closes(1002),
    here: { reaction: closes(1009), because: "the connection ends all the same, before anything is read" },
  })),
];

const FRAGMENTS: readonly FrameCase[] = [
  {
    ...{ title: "a text in three fragments", section: "5.4", rfc: serves(ANSWER) },
    sends: [part(TEXT, REQUEST.slice(0, 5)), part(CONTINUATION, REQUEST.slice(5, 9)), last(SECOND_HALF)],
  },
  {
    ...{ title: "empty fragments", section: "5.4", rfc: serves(ANSWER) },
    sends: [part(TEXT, ""), part(CONTINUATION, ""), part(CONTINUATION, REQUEST), last("")],
  },
  {
    ...{ title: "ten thousand empty fragments", section: "5.4", rfc: serves(ANSWER) },
    sends: [part(TEXT, REQUEST), Buffer.concat(Array(10_000).fill(part(CONTINUATION, ""))), last("")],
  },
  {
    ...{ title: "one fragment for each byte", section: "5.4", rfc: serves(ANSWER) },
    sends: [part(TEXT, ""), ...[...REQUEST].map((character) => part(CONTINUATION, character)), last("")],
  },
  {
    ...{ title: "one write for each byte of a frame", section: "5.4", rfc: serves(ANSWER) },
    sends: [...text(REQUEST)].map((byte) => Buffer.from([byte])),
  },
  {
    ...{ title: "a ping between fragments", section: "5.4", rfc: serves("pong hey", ANSWER) },
    sends: [part(TEXT, FIRST_HALF), clientFrame({ opcode: PING, payload: "hey" }), last(SECOND_HALF)],
  },
  {
    ...{ title: "a pong between fragments", section: "5.4", rfc: serves(ANSWER) },
    sends: [part(TEXT, FIRST_HALF), clientFrame({ opcode: PONG, payload: "hey" }), last(SECOND_HALF)],
  },
  {
    ...{ title: "a close between fragments", section: "5.4", rfc: closes(1000) },
    sends: [part(TEXT, FIRST_HALF), closeFrame(1000)],
  },
  {
    ...{ title: "a continuation of nothing", section: "5.4", rfc: closes(1002) },
    sends: [part(CONTINUATION, REQUEST)],
  },
  {
    ...{ title: "a last continuation of nothing", section: "5.4", rfc: closes(1002) },
    sends: [last(REQUEST)],
  },
  {
    ...{ title: "a continuation after the last one", section: "5.4", rfc: closes(1002, ANSWER) },
    sends: [part(TEXT, FIRST_HALF), last(SECOND_HALF), last("x")],
  },
  {
    ...{ title: "a text within a message", section: "5.4", rfc: closes(1002) },
    sends: [part(TEXT, "{"), text(REQUEST)],
  },
  {
    ...{ title: "a binary message within a text", section: "5.4", rfc: closes(1002) },
    sends: [part(TEXT, "{"), part(BINARY, "x", true)],
  },
  {
    ...{ title: "a first fragment within a message", section: "5.4", rfc: closes(1002) },
    sends: [part(TEXT, "{"), part(TEXT, "}")],
  },
  {
    ...{ title: "fragments beyond the limit together", section: "10.4", rfc: closes(1009) },
    sends: [part(TEXT, " ".repeat(65_536)), part(CONTINUATION, " ".repeat(65_536)), last(" ")],
  },
];

const long = (length: number): string => "p".repeat(length);

const CONTROL: readonly FrameCase[] = [
  ...[PING, PONG, CLOSE].map((opcode) =>
    oneFrame(`a fragmented control frame, opcode ${opcode}`, "5.5", { opcode, isLast: false }, closes(1002)),
  ),
  ...[PING, PONG, CLOSE].map((opcode) =>
    oneFrame(
      `a control frame of 126 bytes, opcode ${opcode}`,
      "5.5",
      { opcode, payload: long(126) },
      closes(1002),
    ),
  ),
  oneFrame(
    "a ping of 65536 bytes, announced",
    "5.5",
    { opcode: PING, payload: "x", length: 65_536n },
    closes(1002),
  ),
  oneFrame(
    "a ping with its length in 16 bits",
    "5.5",
    { opcode: PING, payload: "x", lengthBits: 16 },
    closes(1002),
  ),
  oneFrame(
    "a ping with its length in 64 bits",
    "5.5",
    { opcode: PING, payload: "x", lengthBits: 64 },
    closes(1002),
  ),
  oneFrame("a ping of 125 bytes", "5.5.2", { opcode: PING, payload: long(125) }, serves(`pong ${long(125)}`)),
  oneFrame("an empty ping", "5.5.2", { opcode: PING }, serves("pong ")),
  oneFrame("a pong that nobody asked for", "5.5.3", { opcode: PONG, payload: "x" }, serves()),
  {
    ...{ title: "a thousand pings at once", section: "5.5.2", rfc: serves(...Array(1000).fill("pong x")) },
    sends: [Buffer.concat(Array(1000).fill(clientFrame({ opcode: PING, payload: "x" })))],
  },
];

/** Those that an endpoint may send. */
export const CLOSE_CODES_ALLOWED: readonly number[] = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  ...[3000, 3999, 4000, 4999],
];

const CLOSES: readonly FrameCase[] = [
  oneFrame("a close without a code", "5.5.1", { opcode: CLOSE }, closes(undefined)),
  oneFrame("a close of one byte", "5.5.1", { opcode: CLOSE, payload: "x" }, closes(1002)),
  ...CLOSE_CODES_ALLOWED.map((code) => ({
    ...{ title: `close code ${code}`, section: "7.4", sends: [closeFrame(code)], rfc: closes(code) },
  })),
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((code) => ({
    ...{ title: `close code ${code}`, section: "7.4", sends: [closeFrame(code)], rfc: closes(1002) },
  })),
  {
    ...{ title: "a close with a reason of 123 bytes", section: "5.5.1", rfc: closes(1000) },
    sends: [closeFrame(1000, long(123))],
  },
  {
    ...{ title: "a close with a reason that is not UTF-8", section: "8.1", rfc: closes(1007) },
    sends: [closeFrame(1000, [0xff])],
  },
  {
    ...{ title: "a request and a ping in one write with a close", section: "5.5.1", rfc: closes(1000) },
    sends: [Buffer.concat([closeFrame(1000), text(REQUEST), clientFrame({ opcode: PING })])],
  },
  {
    ...{ title: "two closes in one write", section: "5.5.1", rfc: closes(1000) },
    sends: [Buffer.concat([closeFrame(1000), closeFrame(1001)])],
  },
  {
    ...{
      title: "a close in one write behind requests",
      section: "5.5.1",
      rfc: closes(1001, ANSWER, "pong x"),
    },
    sends: [Buffer.concat([text(REQUEST), clientFrame({ opcode: PING, payload: "x" }), closeFrame(1001)])],
  },
];

const BAD_UTF8: ReadonlyArray<readonly [title: string, bytes: readonly number[]]> = [
  ["a byte that never stands in it", [0x22, 0xff, 0x22]],
  ["an overlong form", [0x22, 0xc0, 0x80, 0x22]],
  ["a surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ["beyond U+10FFFF", [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
  ["a character that is cut off", [0x22, 0xe2, 0x82]],
  ["a continuation byte alone", [0x22, 0x80, 0x22]],
];

const UTF8: readonly FrameCase[] = [
  ...BAD_UTF8.map(([title, payload]) =>
    oneFrame(`not UTF-8: ${title}`, "8.1", { opcode: TEXT, payload }, closes(1007)),
  ),
  ...BAD_UTF8.map(([title, bytes]) => ({
    ...{ title: `not UTF-8, over fragments: ${title}`, section: "8.1", rfc: closes(1007) },
    sends: [part(TEXT, bytes.slice(0, 2)), last(bytes.slice(2))],
  })),
  {
    ...{ title: "a character over two fragments", section: "8.1", rfc: serves("error bad_request") },
    sends: [part(TEXT, [0x22, 0xe2, 0x82]), last([0xac, 0x22])],
  },
  {
    ...{ title: "a character over two fragments with a ping between", section: "8.1" },
    rfc: serves("pong x", "error bad_request"),
    sends: [part(TEXT, [0x22, 0xe2]), clientFrame({ opcode: PING, payload: "x" }), last([0x82, 0xac, 0x22])],
  },
  oneFrame(
    "a binary message that is not UTF-8",
    "5.6",
    { opcode: BINARY, payload: [0xff] },
    serves("error bad_request"),
  ),
  oneFrame("a text of U+0000", "8.1", { opcode: TEXT, payload: [0] }, serves("error bad_request")),
];

/** What RFC 6455 says of frames, and what this server does, over a connection that has been opened. */
export const FRAME_CASES: readonly FrameCase[] = [
  ...[...RESERVED, ...MASKS, ...LENGTHS, ...FRAGMENTS, ...CONTROL, ...CLOSES, ...UTF8],
];
