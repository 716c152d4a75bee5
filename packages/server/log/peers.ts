import { randomUUID } from "node:crypto";
import { FrameError } from "../bus/frame.ts";
import { decodeFrame } from "../bus/frameCodec.ts";
import type { Timing } from "../bus/timing.ts";
import { LogError, type LogStream, type RangeRequest, type RangeResult, type StreamLog } from "./log.ts";
import { type DecodedPeerMessage, encodePeerMessage, type PeerMessage } from "./peerMessage.ts";

export interface PeerLogOptions {
  /** Puts a message on the bus. Rejects where the bus does not take it. */
  readonly send: (message: Uint8Array) => Promise<void>;
  /** Whether the bus is proven to deliver: without it nobody's silence means anything. */
  readonly isConnected: () => boolean;
  readonly timing: Timing;
  /**
   * Kafka has most of what there is: a start without the bus then goes on after `AWAY_MS` as if others had nothing, and is
   * not taken to be cut off from its log.
   */
  readonly isBesideKafka?: boolean;
}

/** An owner that was not heard of for this long, while the bus delivers, is gone with all that it had. */
export const OWNER_GONE_MS = 10_000;
/** After this instance has connected: whoever lives has said by then what it has. */
export const LISTEN_MS = 1_500;
const TICK_MS = 500;
const AWAY_MS = 5_000;
const ANSWER_MS_MAX = 1_000;
/** Questions under way; beyond that whoever asks tries again. */
export const QUESTIONS_MAX = 64;
/** Streams remembered, those of owners that are gone included. */
export const STREAMS_MAX = 2_048;
/** How long a stream that is gone is remembered. */
const REMEMBER_GONE_MS = 60_000;

interface PeerStream {
  readonly name: string;
  earliest: number;
  next: number;
  /** It began before this instance did. */
  readonly isOlder: boolean;
  /** Its owner has said that nothing will be added. */
  readonly isEnded: boolean;
  /** Ms of silence in which the bus delivered. */
  silentMs: number;
}

interface Question {
  readonly streamId: string;
  readonly after: number;
  readonly through: number;
  readonly settle: (result: RangeResult | LogError) => void;
}

/**
 * The logs in the memories of the other instances, read by asking their owners over the bus: best effort. An owner that
 * is silent for `OWNER_GONE_MS` is gone, and its stream with it: what it may have held beyond what is known counts as
 * missing, because nobody can tell.
 */
export class PeerLog implements StreamLog {
  readonly #options: PeerLogOptions;
  readonly #streams = new Map<string, PeerStream>();
  readonly #questions = new Map<string, Question>();
  /** Equal questions of this instance's shards are one. */
  readonly #shared = new Map<string, Promise<RangeResult>>();
  readonly #beganMs: number;
  #cancelTick: () => void;
  /** Ms since this instance's bus delivers; it is asked who is there when that begins. */
  #listenedMs = -1;
  #hasListened = false;
  #awayMs = 0;
  #isClosed = false;
  asked = 0;
  timedOut = 0;
  gone = 0;
  /** Streams for which there was no room. */
  refused = 0;

  constructor(options: PeerLogOptions) {
    this.#options = options;
    this.#beganMs = options.timing.now();
    this.#cancelTick = options.timing.schedule(TICK_MS, () => this.#tick());
  }

  get size(): number {
    return [...this.#streams.values()].filter(isThere).length;
  }

  /** What another instance has said. */
  heard({ message, frame }: DecodedPeerMessage): void {
    if (message.type === "stream") this.#heardOf(message);
    else if (message.type === "answer") this.#answered(message, frame);
  }

  /** A frame shows that the owner lives, and how far it has come. */
  heardFrame(streamId: string, through: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.silentMs = 0;
    stream.next = Math.max(stream.next, through + 1);
  }

  /** Rejects with `LogError` as long as the owners have had no time to say what they have. */
  streams(): Promise<LogStream[]> {
    const goesWithout = this.#options.isBesideKafka === true && this.#awayMs >= AWAY_MS;
    if (!this.#hasListened && !goesWithout)
      return Promise.reject(unavailable("the other instances have not been heard yet"));
    const there = [...this.#streams].filter(([, stream]) => isThere(stream));
    return Promise.resolve(
      there.map(([id, { name, earliest, next, isOlder }]) => ({ id, name, earliest, next, isOlder })),
    );
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    const { streamId, after, through } = request;
    if (!this.#hasListened) throw unavailable("the other instances have not been heard yet");
    const stream = this.#streams.get(streamId);
    if (stream?.isEnded === true && after >= stream.next - 1) return { kind: "gone", isComplete: true };
    if (stream === undefined || !isThere(stream)) return { kind: "gone", isEndUnknown: true };
    // The next head tells, once a second: nobody needs to be asked for what is not there.
    if (after === stream.next - 1) return { kind: "read", publications: [], through: after };
    const key = `${streamId}:${after}:${through}:${request.bytesMax}`;
    const same = this.#shared.get(key);
    if (same !== undefined) return await same;
    const asking = this.#ask(request).finally(() => this.#shared.delete(key));
    this.#shared.set(key, asking);
    return await asking;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTick();
    for (const { settle } of [...this.#questions.values()]) settle(unavailable("this instance ends"));
    return Promise.resolve();
  }

  async #ask({ streamId, after, through, bytesMax }: RangeRequest): Promise<RangeResult> {
    const { send, timing, isConnected } = this.#options;
    if (this.#isClosed || !isConnected()) throw unavailable("the bus to the stream's owner does not deliver");
    if (this.#questions.size >= QUESTIONS_MAX) throw unavailable("too many questions are under way");
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<RangeResult | LogError>();
    this.#questions.set(id, { streamId, after, through, settle: resolve });
    this.asked++;
    const cancel = timing.schedule(ANSWER_MS_MAX * (0.75 + timing.random() / 4), () => {
      this.timedOut++;
      resolve(unavailable("the stream's owner does not answer"));
    });
    send(encodePeerMessage({ type: "ask", id, streamId, after, through, bytesMax })).catch((cause: unknown) =>
      resolve(unavailable("the bus does not take the question", cause)),
    );
    const result = await promise;
    cancel();
    this.#questions.delete(id);
    if (result instanceof LogError) throw result;
    return result;
  }

  #answered(answer: Extract<PeerMessage, { type: "answer" }>, bytes: Uint8Array): void {
    const question = this.#questions.get(answer.id);
    if (question === undefined || question.streamId !== answer.streamId) return;
    const { result } = answer;
    if (result.kind !== "read") {
      question.settle(result);
      return;
    }
    try {
      const frame = decodeFrame(bytes);
      const fits =
        frame.kind === "range" && frame.streamId === question.streamId && frame.after === question.after;
      if (!fits || frame.through > question.through) throw new FrameError("it is of another range");
      question.settle({ kind: "read", publications: frame.publications, through: frame.through });
    } catch (cause) {
      if (!(cause instanceof FrameError)) throw cause;
      question.settle(
        new LogError("log_unreadable", "the stream's owner answered what is no answer", { cause }),
      );
    }
  }

  #heardOf({
    streamId,
    name,
    earliest,
    next,
    ageMs,
    isEnded,
  }: Extract<PeerMessage, { type: "stream" }>): void {
    const known = this.#streams.get(streamId);
    if (known === undefined && this.#streams.size >= STREAMS_MAX) {
      this.refused++;
      return;
    }
    this.#streams.set(streamId, {
      name,
      earliest,
      next: Math.max(next, known?.next ?? 0),
      isOlder: known?.isOlder ?? ageMs > this.#options.timing.now() - this.#beganMs,
      isEnded: isEnded || known?.isEnded === true,
      silentMs: 0,
    });
  }

  /** Ticks and not the clock measure silence: neither a bus that is away nor a process that was stopped makes one. */
  #tick(): void {
    const { timing, isConnected, send } = this.#options;
    this.#cancelTick = timing.schedule(TICK_MS, () => this.#tick());
    if (!isConnected()) {
      this.#listenedMs = -1;
      this.#awayMs += TICK_MS;
      return;
    }
    if (this.#listenedMs < 0) {
      this.#listenedMs = 0;
      // Owners may be connecting still: their silence counts from here on.
      for (const stream of this.#streams.values()) if (isThere(stream)) stream.silentMs = 0;
      // Lost or refused, it costs a second: all say by themselves what they have.
      send(encodePeerMessage({ type: "who" })).catch(() => undefined);
      return;
    }
    this.#listenedMs += TICK_MS;
    if (this.#listenedMs >= LISTEN_MS) this.#hasListened = true;
    for (const [streamId, stream] of this.#streams) {
      const wasThere = isThere(stream);
      stream.silentMs += TICK_MS;
      if (wasThere && !isThere(stream) && !stream.isEnded) this.gone++;
      if (stream.silentMs >= REMEMBER_GONE_MS) this.#streams.delete(streamId);
    }
  }
}

function isThere({ silentMs }: PeerStream): boolean {
  return silentMs < OWNER_GONE_MS;
}

function unavailable(message: string, cause?: unknown): LogError {
  return new LogError("log_unavailable", message, { cause });
}
