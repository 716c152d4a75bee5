import type { Since } from "@shardcast/protocol/mark";
import type { StreamSlot } from "../hub/history.ts";
import type { Hub } from "../hub/hub.ts";
import { LogError, type RangeResult, type StreamLog } from "../log/log.ts";
import type { HeldChannels } from "./heldChannels.ts";
import { HistoryPass, type ResumedStream } from "./historyPass.ts";
import type { WantedChannels } from "./wantedChannels.ts";

/**
 * What one client has missed of some channels since its positions, in order per stream: first from the log, as far as
 * history does not reach back, then from history. It is taken in steps, because a client takes them at its own pace, so
 * does the shard, and history moves on meanwhile: one pass over history after another, until one begins and ends in the
 * same turn with nothing left.
 */
export class Replay {
  readonly #hub: Hub;
  readonly #log: Pick<StreamLog, "read">;
  readonly #limits: ReplayLimits;
  readonly #wanted: WantedChannels;
  readonly #held: HeldChannels | undefined;
  readonly #streams = new Map<string, PlacedStream>();
  readonly #fromMark: boolean;
  readonly #positionUnknown: boolean;
  readonly #oldestMs: number;
  #records = 0;
  #bytes = 0;
  #readsInVain = 0;
  #pass: HistoryPass | undefined;
  /** For the pass: the offset that comes next in each of its streams as of its beginning. */
  #reach: readonly (readonly [stream: PlacedStream, next: number])[] = [];
  /** Every place in history before it has been passed. */
  #passedTo = 0;
  /** Whether the pass under way was found to lack nothing. */
  #isChecked = false;

  constructor(options: ReplayOptions) {
    this.#hub = options.hub;
    this.#log = options.log;
    this.#limits = options.limits;
    this.#wanted = options.wanted;
    this.#held = options.held;
    this.#fromMark = options.since.fromMark;
    const positions = [...options.since.positions];
    this.#positionUnknown =
      options.since.tooLong ||
      positions.some(
        ([streamId, next]) =>
          next >= Number.MAX_SAFE_INTEGER || options.hub.rewritten.makesUncertain(streamId, next),
      );
    this.#oldestMs = options.nowMs - options.limits.ageMsMax;
    for (const [streamId, next] of options.since.positions) {
      // Placed now and not in the first pass: it may wait for this shard until then, and the stream be cut back.
      this.#streams.set(streamId, { streamId, next, slot: options.hub.slot(streamId) });
    }
  }

  get cursors(): number {
    return this.#pass?.cursors ?? 0;
  }

  /** Forgets how far the pass under way has looked. What it has sent it has sent. */
  release(): void {
    this.#pass = undefined;
  }

  /** Whether the positions are known, and no stream was cut back since they were looked at. */
  get isPossible(): boolean {
    if (this.#positionUnknown) return false;
    for (const { streamId, next, slot } of this.#streams.values()) {
      const isCutBack =
        slot === undefined
          ? this.#hub.rewritten.makesUncertain(streamId, next)
          : slot.isEndUnknown || slot !== this.#hub.slot(streamId);
      if (isCutBack) return false;
    }
    return true;
  }

  /** The streams of which the client has seen more than this shard has. What is gone will bring nothing more. */
  get ahead(): readonly ResumedStream[] {
    return [...this.#streams.values()].filter((stream) => this.isAhead(stream));
  }

  isAhead({ streamId, next }: ResumedStream): boolean {
    const slot = this.#hub.slot(streamId);
    return slot === undefined ? next > 0 : next > slot.next && !slot.gone;
  }

  /** Of a stream that this shard does not know yet, nobody can say from where on it will follow it. */
  get knowsAllStreams(): boolean {
    return this.ahead.every(({ streamId }) => this.#hub.slot(streamId) !== undefined);
  }

  /** The same with those that are gone. */
  get seenMoreOf(): readonly ResumedStream[] {
    return [...this.#streams.values()].filter(
      ({ streamId, next }) => next > (this.#hub.slot(streamId)?.next ?? 0),
    );
  }

  /**
   * Whether the log holds what the client says that it has seen of a stream: then this shard is only behind. `ends` where
   * the log ends right before it; undefined where the log does not tell.
   */
  async seenInLog(
    { streamId, next }: ResumedStream,
    signal: AbortSignal,
  ): Promise<boolean | "ends" | undefined> {
    const range = { streamId, after: next - 2, through: next - 1, bytesMax: this.#limits.readBytesMax };
    try {
      const result = await this.#log.read({ ...range, signal });
      if (result.kind === "truncated" || result.kind === "gone") return false;
      return result.through >= range.through || result.kind === "lost" ? true : "ends";
    } catch (error) {
      if (error instanceof LogError || error instanceof DOMException) return undefined;
      throw error;
    }
  }

  /**
   * The next piece, of at most about `bytesMax`, found while `isOver` does not hold. After `finished` nothing is missing for
   * the rest of the turn.
   */
  step(bytesMax: number, isOver: () => boolean): ReplayStep {
    if (!this.isPossible) return { kind: "impossible" };
    const hasBegunNow = this.#pass === undefined;
    this.#pass ??= this.#begin();
    const pass = this.#pass;
    if (!this.#isChecked) {
      // A later pass must end in the turn in which it began, and there is little left for it to find.
      if (!pass.look(this.#passedTo > 0 ? never : isOver)) return { kind: "more", texts: [] };
      const stretch = this.#missing(pass);
      if (stretch !== undefined) {
        this.#pass = undefined;
        // The log is not read for what will not be sent.
        if (this.#wanted.isEmpty) return { kind: "impossible" };
        return { kind: "read", stretch };
      }
      this.#isChecked = true;
    }
    const texts = pass.take(bytesMax);
    if (pass.isLost) this.#pass = undefined;
    if (pass.isLost || !pass.isExhausted) return { kind: "more", texts };
    for (const [stream, next] of this.#reach) stream.next = Math.max(stream.next, next);
    this.#passedTo = pass.end;
    this.#pass = undefined;
    return { kind: hasBegunNow ? "finished" : "more", texts };
  }

  /** Reads a stretch, for `accept`; undefined where that is beyond the limits. Rejects with `LogError` where the log is away. */
  async read({ stream, through }: MissingStretch, signal: AbortSignal): Promise<RangeResult | undefined> {
    const after = stream.next - 1;
    if (this.#records + (through - after) > this.#limits.recordsMax) return undefined;
    const range = { streamId: stream.streamId, after, through, bytesMax: this.#limits.readBytesMax };
    return await this.#log.read({ ...range, signal }).catch((error: unknown) => {
      if (error instanceof LogError && error.code === "log_unreadable") return undefined;
      throw error;
    });
  }

  /**
   * The texts of what was read, or undefined where it can not be had within the limits: the client is then told that it has
   * not recovered.
   */
  accept({ stream }: MissingStretch, result: RangeResult): readonly string[] | undefined {
    if (result.kind !== "read") return undefined;
    const after = stream.next - 1;
    if (result.through <= after && ++this.#readsInVain >= READS_IN_VAIN_MAX) return undefined;
    this.#records += result.through - after;
    const texts: string[] = [];
    for (const publication of result.publications) {
      if (publication.timestampMs < this.#oldestMs) return undefined;
      this.#bytes += publication.envelope.length;
      if (this.#bytes > this.#limits.bytesMax) return undefined;
      if (this.#wanted.wants(publication.channel)) texts.push(decoder.decode(publication.envelope));
      else this.#held?.note(publication.channel);
    }
    stream.next = Math.max(stream.next, result.through + 1);
    return texts;
  }

  #begin(): HistoryPass {
    // A mark names every stream of its time: one that it does not name is younger, and the client has seen nothing of it.
    // But marks do not name for ever what is gone, and nothing of that can be had.
    if (this.#fromMark) {
      for (const { streamId, gone } of this.#hub.slots()) {
        if (!gone && !this.#streams.has(streamId))
          this.#streams.set(streamId, { streamId, next: 0, slot: undefined });
      }
    }
    const streams = new Map<number, ResumedStream>();
    const reach: [PlacedStream, number][] = [];
    for (const stream of this.#streams.values()) {
      const slot = this.#hub.slot(stream.streamId);
      if (slot === undefined) continue;
      stream.slot = slot;
      streams.set(slot.index, stream);
      reach.push([stream, slot.next]);
    }
    this.#reach = reach;
    this.#isChecked = false;
    // All that came before the request is found at the first look.
    const held = this.#passedTo === 0 ? this.#held : undefined;
    return new HistoryPass(this.#hub.history, { wanted: this.#wanted, streams, from: this.#passedTo, held });
  }

  /** The first stretch that history lacks of what the client needs. */
  #missing(pass: HistoryPass): MissingStretch | undefined {
    for (const [stream] of this.#reach) {
      const { slot } = stream;
      if (slot === undefined || stream.next >= slot.next) continue;
      const complete = Math.max(slot.floor, pass.floors.get(slot.index) ?? 0);
      if (stream.next < complete) return { stream, through: Math.min(complete, slot.next) - 1 };
    }
    return undefined;
  }
}

export interface PlacedStream extends ResumedStream {
  /** Its place in history when that was last looked at: another one means that its log was cut back. */
  slot: StreamSlot | undefined;
}

/** (stream.next − 1, through] stands in the log alone. */
export interface MissingStretch {
  readonly stream: PlacedStream;
  readonly through: number;
}

export type ReplayStep =
  | { readonly kind: "more" | "finished"; readonly texts: readonly string[] }
  | { readonly kind: "read"; readonly stretch: MissingStretch }
  /** The client has to be told that it has not recovered. */
  | { readonly kind: "impossible" };

/** Answers of the log that bring nothing new, before it is taken not to have the stretch. */
const READS_IN_VAIN_MAX = 10;

const never = () => false;
const decoder = new TextDecoder();

export interface ReplayOptions {
  readonly hub: Hub;
  readonly log: Pick<StreamLog, "read">;
  readonly limits: ReplayLimits;
  readonly wanted: WantedChannels;
  /** Where the connection has some of what is asked for already. */
  readonly held?: HeldChannels | undefined;
  readonly since: Since;
  readonly nowMs: number;
}

export interface ReplayLimits {
  /** Offsets that one resume may read from the log. */
  readonly recordsMax: number;
  /** Bytes of publications that one resume may read from the log. */
  readonly bytesMax: number;
  readonly ageMsMax: number;
  /** One step of it. */
  readonly readBytesMax: number;
  /** How long a client that has seen more than this shard waits for it, in ms. */
  readonly behindMsMax: number;
}
