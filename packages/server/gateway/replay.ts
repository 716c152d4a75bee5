import { covers } from "@shardcast/protocol/channel";
import type { Positions, Since } from "@shardcast/protocol/mark";
import type { ChannelHistory, HistoryEntry, StreamSlot } from "../hub/history.ts";
import type { Hub } from "../hub/hub.ts";
import { LogError, type StreamLog } from "../log/log.ts";

/**
 * What one client has missed of some channels since its positions, in order per stream: first from the log, as far as
 * history does not reach back, then from history. It is taken in chunks, because a client takes them at its own pace
 * and history moves on meanwhile; after each pause it looks again where history begins.
 */
export class Replay {
  readonly #hub: Hub;
  readonly #log: Pick<StreamLog, "read">;
  readonly #limits: ReplayLimits;
  readonly #channels: ReadonlySet<string>;
  readonly #patterns: readonly string[];
  readonly #already: readonly string[];
  /** The offset that the client needs next, for each stream that it resumes. */
  readonly #next: Positions;
  readonly #positionUnknown: boolean;
  #records = 0;
  #bytes = 0;
  readonly #oldestMs: number;
  /** Whether the last call of `fromHistory` reached the present: true for the rest of that turn. */
  finished = false;

  constructor(options: ReplayOptions) {
    this.#hub = options.hub;
    this.#log = options.log;
    this.#limits = options.limits;
    this.#channels = new Set(options.channels.filter((name) => !name.endsWith(".*")));
    this.#patterns = options.channels.filter((name) => name.endsWith(".*"));
    this.#already = options.already;
    this.#next = nextOffsets(options.since, options.hub);
    this.#positionUnknown = options.since.tooLong;
    this.#oldestMs = options.nowMs - options.limits.ageMsMax;
  }

  /** Whether every stream of the positions is known here, and none of them lies beyond what was delivered. */
  get possible(): boolean {
    if (this.#positionUnknown) return false;
    for (const [streamId, next] of this.#next) {
      const slot = this.#hub.slot(streamId);
      if (slot === undefined || next > slot.next) return false;
    }
    return true;
  }

  /** Whether all that is still missing stands in history: `fromHistory` may then be called in this same turn. */
  get inHistory(): boolean {
    for (const slot of this.#slots()) if (this.#missingFromHistory(slot) !== undefined) return false;
    return true;
  }

  /**
   * Reads one more stretch that history lacks. Returns the texts to send, or undefined where it can not be had within
   * the limits: the client is then told that it has not recovered. Rejects with `LogError` where the log is away.
   */
  async fromLog(signal: AbortSignal): Promise<readonly string[] | undefined> {
    for (const slot of this.#slots()) {
      const through = this.#missingFromHistory(slot);
      if (through === undefined) continue;
      return await this.#readStretch(slot, through, signal);
    }
    return [];
  }

  /** The next chunk of at most about `bytesMax` from history; `finished` tells whether it was the last. */
  fromHistory(bytesMax: number): readonly string[] {
    const texts: string[] = [];
    let bytes = 0;
    this.finished = false;
    for (const entry of this.#entries()) {
      if (bytes > 0 && bytes + entry.envelope.length > bytesMax) return texts;
      bytes += entry.envelope.length;
      texts.push(decoder.decode(entry.envelope));
      this.#next.set(this.#hub.history.slot(entry.slot).streamId, entry.offset + 1);
    }
    for (const slot of this.#slots()) this.#next.set(slot.streamId, slot.next);
    this.finished = true;
    return texts;
  }

  async #readStretch(
    slot: StreamSlot,
    through: number,
    signal: AbortSignal,
  ): Promise<readonly string[] | undefined> {
    const after = this.#nextOf(slot) - 1;
    if (this.#records + (through - after) > this.#limits.recordsMax) return undefined;
    const result = await this.#log
      .read({ streamId: slot.streamId, after, through, bytesMax: this.#limits.readBytesMax, signal })
      .catch((error: unknown) => {
        if (error instanceof LogError && error.code === "log_unreadable") return undefined;
        throw error;
      });
    if (result === undefined || result.kind !== "read") return undefined;
    this.#records += result.through - after;
    const texts: string[] = [];
    for (const publication of result.publications) {
      if (publication.timestampMs < this.#oldestMs) return undefined;
      this.#bytes += publication.envelope.length;
      if (this.#wants(publication.channel)) texts.push(decoder.decode(publication.envelope));
    }
    if (this.#bytes > this.#limits.bytesMax) return undefined;
    this.#next.set(slot.streamId, result.through + 1);
    return texts;
  }

  /** The last offset that history lacks of what the client needs, or undefined where it lacks nothing. */
  #missingFromHistory(slot: StreamSlot): number | undefined {
    const next = this.#nextOf(slot);
    let complete = slot.floor;
    for (const channel of this.#wanted()) complete = Math.max(complete, channel.floors.get(slot.index) ?? 0);
    return next < complete && next < slot.next ? Math.min(complete, slot.next) - 1 : undefined;
  }

  /** In order of delivery, and so in offset order per stream. */
  #entries(): HistoryEntry[] {
    const { history } = this.#hub;
    const slots = new Map<number, StreamSlot>();
    for (const slot of this.#slots()) slots.set(slot.index, slot);
    const entries: HistoryEntry[] = [];
    for (const channel of this.#wanted()) {
      // From the newest back, so that a client that missed little looks at little.
      for (let number = channel.end - 1; number >= channel.first; number--) {
        const entry = history.entryAt(channel.positionOf(number));
        const slot = slots.get(entry.slot);
        if (slot === undefined) continue;
        if (entry.offset >= this.#nextOf(slot)) entries.push(entry);
        else if (slots.size === 1) break;
      }
    }
    return entries.sort((a, b) => a.position - b.position);
  }

  *#slots(): Iterable<StreamSlot> {
    for (const streamId of this.#next.keys()) {
      const slot = this.#hub.slot(streamId);
      if (slot !== undefined) yield slot;
    }
  }

  #nextOf(slot: StreamSlot): number {
    return this.#next.get(slot.streamId) ?? slot.next;
  }

  *#wanted(): Iterable<ChannelHistory> {
    for (const name of this.#channels) {
      const channel = this.#hub.history.channel(name);
      if (channel !== undefined && !this.#has(name)) yield channel;
    }
    if (this.#patterns.length === 0) return;
    for (const channel of this.#hub.history.channels()) {
      if (
        !this.#channels.has(channel.name) &&
        this.#wantsByPattern(channel.name) &&
        !this.#has(channel.name)
      ) {
        yield channel;
      }
    }
  }

  #wants(channel: string): boolean {
    return !this.#has(channel) && (this.#channels.has(channel) || this.#wantsByPattern(channel));
  }

  #has(channel: string): boolean {
    return this.#already.some((name) => name === channel || covers(name, channel));
  }

  #wantsByPattern(channel: string): boolean {
    return this.#patterns.some((pattern) => covers(pattern, channel));
  }
}

const decoder = new TextDecoder();

export interface ReplayOptions {
  readonly hub: Hub;
  readonly log: Pick<StreamLog, "read">;
  readonly limits: ReplayLimits;
  readonly channels: readonly string[];
  /** Names and patterns that the connection listens to already: their messages are not sent again. */
  readonly already: readonly string[];
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
}

/**
 * A stream that no mark names is younger than the mark: the client has seen nothing of it. But marks do not name for
 * ever what is gone, and nothing of that can be had.
 */
function nextOffsets({ positions, fromMark }: Since, hub: Hub): Positions {
  const next: Positions = new Map(positions);
  if (!fromMark) return next;
  for (const slot of hub.slots()) if (!slot.gone && !next.has(slot.streamId)) next.set(slot.streamId, 0);
  return next;
}
