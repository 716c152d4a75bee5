import { encodeFrame } from "../bus/frameCodec.ts";
import { splitRange } from "../bus/splitRange.ts";
import type { RangeRequest, StreamLog } from "./log.ts";
import { encodePeerMessage, PEER_OVERHEAD_BYTES, type PeerMessage } from "./peerMessage.ts";

/** Answers of one second: a cluster that has lost much at once asks again later, so nobody is refused for good. */
export const ANSWERS_PER_SECOND_MAX = 200;
export const ANSWER_BYTES_PER_SECOND_MAX = 32 * 1024 * 1024;
const WINDOW_MS = 1_000;

type Ask = Extract<PeerMessage, { type: "ask" }>;

/** Answers what other instances ask for of the log in this one's memory, within a rate. */
export class PeerAnswers {
  readonly #log: Pick<StreamLog, "read">;
  readonly #now: () => number;
  #windowMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;
  #bytesInWindow = 0;
  answered = 0;
  /** Left without an answer because there were too many: whoever asks tries again. */
  unanswered = 0;

  constructor(log: Pick<StreamLog, "read">, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** The message that answers, or undefined beyond the rate. */
  async answer(ask: Ask, frameBytesMax: number): Promise<Uint8Array | undefined> {
    if (!this.#hasRoom()) {
      this.unanswered++;
      return undefined;
    }
    this.#inWindow++;
    const windowMs = this.#windowMs;
    // Many questions come in one turn, and none of them is answered before it ends: each counts from here on.
    const bytesMax = Math.min(ask.bytesMax, frameBytesMax);
    this.#bytesInWindow += bytesMax;
    const message = await this.#read(ask, frameBytesMax - PEER_OVERHEAD_BYTES);
    if (windowMs === this.#windowMs) this.#bytesInWindow += message.length - bytesMax;
    this.answered++;
    return message;
  }

  async #read({ id, streamId, after, through, bytesMax }: Ask, frameBytesMax: number): Promise<Uint8Array> {
    const request: RangeRequest = { streamId, after, through, bytesMax: Math.min(bytesMax, frameBytesMax) };
    const result = await this.#log.read(request);
    const base = { type: "answer", id, streamId } as const;
    if (result.kind === "gone") throw new Error("the embedded log does not know its own stream");
    if (result.kind !== "read") return encodePeerMessage({ ...base, result });
    const range = { kind: "range", publisher: "", streamId, after, through: result.through } as const;
    const whole = { ...range, publications: result.publications, omitted: [] };
    const [first = whole] = splitRange(whole, { frameBytesMax });
    const tooLarge = first.omitted[0];
    // One that no message can carry can not be had elsewhere: it becomes a gap, and what follows it goes on.
    if (tooLarge === after + 1) {
      return encodePeerMessage({
        ...base,
        result: { kind: "lost", through: tooLarge, reason: "unreadable" },
      });
    }
    const end = tooLarge === undefined ? first.through : tooLarge - 1;
    const publications = first.publications.filter(({ offset }) => offset <= end);
    const frame = encodeFrame({ ...range, through: end, publications, omitted: [] });
    return encodePeerMessage({ ...base, result: { kind: "read" } }, frame);
  }

  #hasRoom(): boolean {
    const nowMs = this.#now();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#inWindow = 0;
      this.#bytesInWindow = 0;
    }
    return this.#inWindow < ANSWERS_PER_SECOND_MAX && this.#bytesInWindow < ANSWER_BYTES_PER_SECOND_MAX;
  }
}
