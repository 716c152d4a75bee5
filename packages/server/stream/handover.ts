import type { GapReason } from "@shardcast/protocol/messages";
import type { Publication } from "../publication.ts";
import type { HeldPiece } from "./heldFrames.ts";
import type { AssemblerCounters } from "./stats.ts";
import type { StreamState } from "./streamState.ts";

/** Whom complete, ordered streams are made for. */
export interface StreamHandler {
  /**
   * Called per stream in offset order, each publication exactly once in an epoch. Everything up to `through` is
   * thereby complete; there may be no publication at all. The position has moved on before the call. What the
   * handler hands in from within is taken after it has returned. A throw is a defect and passes through.
   */
  readonly deliver: (streamId: string, publications: readonly Publication[], through: number) => void;
  /**
   * (after, through] can not be had; the stream goes on after `through`. With the reason "truncated" the log ended
   * before `after`: `through` is less, and a new epoch begins there. With "gone" the stream has ended; with
   * `isEndUnknown` there may have been more of it, and where it comes back after all, it goes on after `after`.
   */
  readonly gap: (
    streamId: string,
    after: number,
    through: number,
    reason: GapReason,
    isEndUnknown: boolean,
  ) => void;
}

/** The one place where a stream's position moves: whatever it moves over is handed on, or told as a gap. */
export class Handover {
  readonly #handler: StreamHandler;
  readonly #counters: AssemblerCounters;

  constructor(handler: StreamHandler, counters: AssemblerCounters) {
    this.#handler = handler;
    this.#counters = counters;
  }

  /** Hands on, and returns, what is beyond the position, which is then `through`. */
  deliver(
    stream: StreamState,
    publications: readonly Publication[],
    through: number,
    epoch: number | undefined,
  ): readonly Publication[] {
    const fresh = beyond(publications, stream.delivered);
    stream.delivered = through;
    stream.leaderEpoch = epoch;
    stream.delivering = true;
    try {
      this.#handler.deliver(stream.id, fresh, through);
    } finally {
      stream.delivering = false;
    }
    return fresh;
  }

  deliverPiece(stream: StreamState, piece: HeldPiece): void {
    // It waited here while the log told of another leader: what it says, the log says better.
    if (stream.isOfOldLeader(piece) || stream.isOfNewLeader(piece)) this.#counters.outdated++;
    else this.deliver(stream, piece.publications, piece.through, piece.epoch);
  }

  gap(stream: StreamState, through: number, reason: GapReason, isEndUnknown = false): void {
    const after = stream.delivered;
    this.#counters.gaps[reason]++;
    stream.delivered = through;
    stream.leaderEpoch = undefined;
    stream.delivering = true;
    try {
      this.#handler.gap(stream.id, after, through, reason, isEndUnknown);
    } finally {
      stream.delivering = false;
    }
  }
}

/** The publications after an offset. Allocates only where some of them are not. */
function beyond(publications: readonly Publication[], after: number): readonly Publication[] {
  const first = publications[0];
  if (first === undefined || first.offset > after) return publications;
  let low = 1;
  let high = publications.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((publications[middle] as Publication).offset > after) high = middle;
    else low = middle + 1;
  }
  return publications.slice(low);
}
