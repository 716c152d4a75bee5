import type { Logger } from "pino";
import { counter, type Figure, gauge } from "../admin/figure.ts";
import type { ReconnectableBus } from "../bus/bus.ts";
import { type Frame, FrameError } from "../bus/frame.ts";
import { decodeFrame } from "../bus/frameCodec.ts";
import { ProbedBus } from "../bus/probed.ts";
import { SYSTEM_TIMING } from "../bus/timing.ts";
import type { EmbeddedLog } from "../log/local.ts";
import { PeerAnswers } from "../log/peerAnswers.ts";
import { decodePeerMessage, encodePeerMessage, isPeerMessage, type PeerMessage } from "../log/peerMessage.ts";
import { PeerLog } from "../log/peers.ts";

export interface PeerExchangeOptions {
  /** Carries what instances keep in their memories, and nothing else: Kafka's frames have one of their own. */
  readonly bus: ReconnectableBus;
  readonly log: EmbeddedLog;
  /** Of this instance's stream, for people. */
  readonly name: string;
  /** An empty stream is told of as well: without Kafka every client's mark names it. */
  readonly tellsEmpty: boolean;
  /** Hands a frame of another instance to this one's shards. */
  readonly forward: (frame: Uint8Array) => void;
  readonly logger: Logger;
}

const TELL_MS = 1_000;
/** Any number of instances may ask who is there; they are answered together. */
const TELL_AGAIN_MS = 100;

/** What this instance and the others tell each other about the logs in their memories, over the shared bus. */
export class PeerExchange {
  readonly peers: PeerLog;
  readonly #options: PeerExchangeOptions;
  readonly #bus: ProbedBus;
  readonly #answers: PeerAnswers;
  #isEnded = false;
  #telling: Timer | undefined;
  readonly #beganMs = performance.now();
  #toldMs = Number.NEGATIVE_INFINITY;
  #malformed = 0;
  #refused = 0;

  constructor(options: PeerExchangeOptions) {
    this.#options = options;
    this.#bus = new ProbedBus({
      bus: options.bus,
      onStale: (reason) => options.logger.warn(`log of the instances: ${reason}: connecting anew`),
    });
    this.#answers = new PeerAnswers(options.log, SYSTEM_TIMING.now);
    this.peers = new PeerLog({
      send: (message) => this.#bus.publish(message),
      isConnected: () => this.#bus.state === "connected",
      timing: SYSTEM_TIMING,
      isBesideKafka: !options.tellsEmpty,
    });
  }

  get maxFrameBytes(): number {
    return this.#bus.maxFrameBytes;
  }

  get figures(): readonly Figure[] {
    const { peers } = this;
    return [
      gauge("peer_streams", "Streams in the memories of other instances.", () => peers.size),
      gauge("peer_log_connected", "1 while the bus for those streams delivers.", () =>
        this.#bus.state === "connected" ? 1 : 0,
      ),
      counter("peer_questions", "Ranges asked for at other instances.", () => peers.asked),
      counter("peer_questions_timed_out", "Of those, without an answer.", () => peers.timedOut),
      counter("peer_answers", "Answers to other instances.", () => this.#answers.answered),
      counter(
        "peer_answers_refused",
        "Questions left unanswered because there were too many.",
        () => this.#answers.unanswered,
      ),
      counter("peer_streams_gone", "Streams that died with their instance.", () => peers.gone),
      counter("peer_streams_refused", "Tellings of streams beyond what is remembered.", () => peers.refused),
      counter("peer_messages_malformed", "Messages that were none.", () => this.#malformed),
      counter(
        "peer_messages_refused",
        "Messages of this instance that the bus did not take: others ask for what they miss.",
        () => this.#refused,
      ),
    ];
  }

  start(): void {
    this.#bus
      .subscribe((bytes) => this.#heard(bytes))
      .catch((error: unknown) => {
        this.#options.logger.debug({ err: error }, "log of the instances: ended before it had connected");
      });
    this.#telling = setInterval(() => this.#tell(), TELL_MS);
  }

  /** Best effort: whoever misses it asks. */
  publish(message: Uint8Array): void {
    this.#bus.publish(message).catch(() => {
      this.#refused++;
    });
  }

  /** Nothing is added any more. Others need not take the silence that follows for a loss, and have until `close` to ask. */
  end(): void {
    this.#isEnded = true;
    this.#tell();
  }

  async close(): Promise<void> {
    clearInterval(this.#telling);
    await this.peers.close();
    await this.#bus.close();
  }

  #tell(): void {
    const { log, name, tellsEmpty } = this.#options;
    const { streamId, earliest, next } = log;
    if (next === 0 && !tellsEmpty) return;
    this.#toldMs = performance.now();
    const ageMs = performance.now() - this.#beganMs;
    this.publish(
      encodePeerMessage({ type: "stream", streamId, name, earliest, next, ageMs, isEnded: this.#isEnded }),
    );
  }

  #heard(bytes: Uint8Array): void {
    if (!isPeerMessage(bytes)) {
      this.#heardFrame(bytes);
      return;
    }
    const decoded = decodePeerMessage(bytes);
    if (decoded === undefined) this.#malformed++;
    else if (decoded.message.type === "who") {
      if (performance.now() - this.#toldMs > TELL_AGAIN_MS) this.#tell();
    } else if (decoded.message.streamId !== this.#options.log.streamId) this.peers.heard(decoded);
    else if (decoded.message.type === "ask") void this.#answer(decoded.message);
  }

  async #answer(ask: Extract<PeerMessage, { type: "ask" }>): Promise<void> {
    const answer = await this.#answers.answer(ask, this.#bus.maxFrameBytes);
    if (answer !== undefined) this.publish(answer);
  }

  /** This instance's own frames have reached its shards already. */
  #heardFrame(bytes: Uint8Array): void {
    let frame: Frame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#malformed++;
      return;
    }
    const own = this.#options.log.streamId;
    const ends = frame.kind === "range" ? [frame] : frame.heads;
    if (ends.some(({ streamId }) => streamId === own)) return;
    for (const { streamId, through } of ends) this.peers.heardFrame(streamId, through);
    this.#options.forward(bytes);
  }
}
