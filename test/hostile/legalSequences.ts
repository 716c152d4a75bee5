import { CLOSE_CODES_ALLOWED, MESSAGE_BYTES_MAX, REQUEST } from "./frameCases.ts";

export interface LegalSequence {
  readonly title: string;
  /** A message each: whole, or in fragments with a ping between each two of them where one is named. */
  readonly messages: ReadonlyArray<{ readonly fragments: readonly string[]; readonly ping?: string }>;
  /** With which the client ends. */
  readonly close: number;
}

const whole = (text: string): LegalSequence["messages"] => [{ fragments: [text] }];
const thirds = [REQUEST.slice(0, 5), REQUEST.slice(5, 12), REQUEST.slice(12)];

/** The legal ones of the case table that a client can be told to send, for clients that are not ours. */
export const LEGAL_SEQUENCES: readonly LegalSequence[] = [
  { title: "a text in three fragments", messages: [{ fragments: thirds }], close: 1000 },
  { title: "pings between fragments", messages: [{ fragments: thirds, ping: "hey" }], close: 1000 },
  { title: "empty fragments", messages: [{ fragments: ["", REQUEST, ""] }], close: 1000 },
  { title: "many messages", messages: Array(100).fill({ fragments: [REQUEST] }), close: 1000 },
  ...[125, 126, 127, 65_535, 65_536, MESSAGE_BYTES_MAX].map((length) => ({
    ...{ title: `a text of ${length} bytes`, messages: whole(REQUEST.padEnd(length)), close: 1000 },
  })),
  ...CLOSE_CODES_ALLOWED.map((close) => ({ title: `close code ${close}`, messages: whole(REQUEST), close })),
];

export interface SequenceResult {
  readonly title: string;
  /** Texts behind the welcome. */
  readonly answers: readonly string[];
  readonly pongs: number;
  /** Of the server's close frame. */
  readonly close: number;
}
