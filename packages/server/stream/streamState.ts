import type { HeldFrames } from "./heldFrames.ts";
import type { UnreadableStretch } from "./unreadableStretch.ts";

/** How a stream is served. */
export type StreamMode =
  /** By the bus; the log repairs. */
  | "live"
  /** By polling the log, until the bus serves it again; frames that fit are taken all the same. */
  | "forward"
  /** As "forward", but frames are not listened to: those on their way may be of an epoch that was truncated. */
  | "distrust"
  /** Not at all: the log knows it no more. */
  | "gone";

/** What is under way for a stream at the log: one thing at a time. */
export type StreamJob = "idle" | "waiting" | "queued" | "reading";

/** Below the head of an empty stream, which is −1. */
export const NOTHING_HEARD = -2;

/** What the log had at a time when it had this leader. */
interface OfLeader {
  readonly epoch?: number | undefined;
}

/** What the assembler knows of one stream. */
export class StreamState {
  readonly id: string;
  /** Everything up to here has been delivered, or told as a gap. */
  delivered: number;
  /** The greatest offset that the bus, or the opener, has spoken of. */
  known: number;
  epoch = 0;
  /** The leader epoch of what was delivered last, where that is known. With `delivered` it names one record for good. */
  leaderEpoch: number | undefined;
  mode: StreamMode = "live";
  /** The common case: served by the bus, nothing missing, nothing under way. */
  calm = true;
  /** A handler is running: what arrives meanwhile from within waits, so that order holds. */
  delivering = false;

  readonly held: HeldFrames;
  /** Since when something is missing, in ms. */
  holeSinceMs: number | undefined;

  job: StreamJob = "idle";
  cancelWait: (() => void) | undefined;
  /** The wait under way is for a poll that nothing urges. */
  waitsIdly = false;
  /** A repair under way reads to here without waiting anew. */
  repairThrough = -1;
  /** When recent repairs began, in ms. */
  repairTimesMs: number[] = [];
  unavailableTries = 0;
  unreadableTries = 0;
  truncatedReads = 0;
  /** The least end that those reads have told: the log grows on between them. */
  truncatedNext = Number.POSITIVE_INFINITY;
  unreadable: UnreadableStretch | undefined;
  /** The last poll was stopped before the end. */
  pollAtOnce = false;
  /** Polls in a row that found nothing. */
  idlePolls = 0;

  /** The greatest offset that the bus has spoken of in the current tick. */
  heard = NOTHING_HEARD;
  deliveredAtTick: number;
  /** The bus skipped something in the current tick. */
  skipped = false;
  /** Ticks in a row in which nothing reached what had been delivered. */
  silentTicks = 0;
  /** Ticks in a row in which the bus served without a break. */
  servedTicks = 0;
  distrustTicks = 0;

  warm: { through: number; readonly done: () => void } | undefined;

  constructor(id: string, next: number, held: HeldFrames) {
    this.id = id;
    this.delivered = next - 1;
    this.known = next - 1;
    this.deliveredAtTick = next - 1;
    this.held = held;
  }

  /** There is nothing to warm up with beyond `through`. */
  endWarm(through: number): void {
    if (this.warm !== undefined) this.warm.through = Math.min(this.warm.through, through);
  }

  /** The last offset of the first stretch that is missing; undefined where nothing is known to be missing. */
  get holeThrough(): number | undefined {
    const first = this.held.first;
    if (first !== undefined && first.after > this.delivered) return first.after;
    return this.known > this.delivered ? this.known : undefined;
  }

  /** Leader epochs only grow along a log, so what ends beyond what was delivered and has a lesser one is of another log. */
  isOfOldLeader({ epoch }: OfLeader): boolean {
    const { leaderEpoch } = this;
    return epoch !== undefined && leaderEpoch !== undefined && epoch < leaderEpoch;
  }

  isOfNewLeader({ epoch }: OfLeader): boolean {
    const { leaderEpoch } = this;
    return epoch !== undefined && leaderEpoch !== undefined && epoch > leaderEpoch;
  }

  get polled(): boolean {
    return this.mode === "forward" || this.mode === "distrust";
  }

  /** Whether the bus can not be expected to bring what is missing. */
  get onlyLogHasIt(): boolean {
    if (this.repairThrough > this.delivered) return true;
    const first = this.held.first;
    return first?.afterIsOmitted === true && first.after === this.delivered + 1;
  }
}
