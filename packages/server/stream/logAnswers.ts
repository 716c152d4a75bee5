import type { LogError, RangeResult } from "../log/log.ts";
import type { Handover } from "./handover.ts";
import type { AssemblerLimits } from "./limits.ts";
import type { LogReaderHandler, Question } from "./logReader.ts";
import type { Pauses } from "./pauses.ts";
import type { AssemblerCounters, ForwardCause } from "./stats.ts";
import type { StreamState } from "./streamState.ts";
import { UnreadableStretch } from "./unreadableStretch.ts";

export interface LogAnswersOptions {
  readonly handover: Handover;
  readonly pauses: Pauses;
  readonly readAgain: (stream: StreamState) => void;
  readonly readForward: (stream: StreamState, cause: ForwardCause) => void;
  /** The log knows the stream no more. */
  readonly gone: (stream: StreamState, isEndUnknown: boolean, isComplete: boolean) => void;
  readonly counters: AssemblerCounters;
  readonly limits: Pick<AssemblerLimits, "readBytesMax" | "unreadableTriesMax">;
}

/** What the log's answers mean for a stream: it moves on, has a gap, begins anew, has gone, or asks again. */
export class LogAnswers implements LogReaderHandler {
  readonly #options: LogAnswersOptions;
  readonly #handover: Handover;
  readonly #counters: AssemblerCounters;

  constructor(options: LogAnswersOptions) {
    this.#options = options;
    this.#handover = options.handover;
    this.#counters = options.counters;
  }

  answered(stream: StreamState, question: Question, result: RangeResult | undefined): void {
    stream.unavailableTries = 0;
    if (question.isProbe) this.#probed(stream, question, result);
    else if (result !== undefined) this.#take(stream, question, result);
  }

  failed(stream: StreamState, { after }: Question, error: LogError): void {
    const { pauses, readAgain, limits } = this.#options;
    if (error.code === "log_unavailable") {
      this.#counters.logUnavailable++;
      stream.unavailableTries++;
      pauses.beforeRetry(stream, stream.unavailableTries, () => readAgain(stream));
      return;
    }
    this.#counters.logUnreadable++;
    stream.unavailableTries = 0;
    if (stream.unreadable !== undefined) {
      stream.unreadable.failed(after);
      this.#searchOn(stream, stream.unreadable);
      return;
    }
    stream.unreadableTries++;
    if (stream.unreadableTries < limits.unreadableTriesMax) {
      pauses.beforeRetry(stream, stream.unreadableTries, () => readAgain(stream));
      return;
    }
    if (after === stream.delivered) stream.unreadable = new UnreadableStretch(after);
    readAgain(stream);
  }

  #take(stream: StreamState, { after, through, claimed }: Question, result: RangeResult): void {
    stream.unreadableTries = 0;
    if (result.kind !== "truncated") stream.truncatedReads = 0;
    switch (result.kind) {
      case "read":
        if (result.through <= after) this.#nothing(stream, after, claimed);
        else if (stream.delivered > after && result.epoch !== stream.leaderEpoch) {
          // What the bus brought meanwhile is of another leader, and may not be what the log has there: asked again.
          stream.pollAtOnce = true;
        } else this.#advance(stream, result);
        return;
      case "lost": {
        // Frames at hand may hold what the log has lost, and nothing was missing beyond what was asked for.
        const lost = Math.min(result.through, through, stream.held.first?.after ?? through);
        if (lost > stream.delivered) this.#handover.gap(stream, lost, result.reason);
        else if (lost <= after) this.#nothing(stream, after, claimed);
        return;
      }
      case "truncated":
        if (result.next > after) this.#nothing(stream, after, claimed);
        else this.#truncated(stream, result.next);
        return;
      case "gone": {
        const isComplete = result.isComplete === true && stream.delivered === after;
        this.#options.gone(stream, result.isEndUnknown === true, isComplete);
      }
    }
  }

  #advance(
    stream: StreamState,
    { publications, through, epoch }: Extract<RangeResult, { readonly kind: "read" }>,
  ): void {
    stream.idlePolls = 0;
    if (through <= stream.delivered) return;
    const fresh = this.#handover.deliver(stream, publications, through, epoch);
    this.#counters.logPublications += fresh.length;
    // A poll that was stopped by its size goes on at once.
    let bytes = 0;
    for (const publication of fresh) bytes += publication.envelope.byteLength;
    stream.pollAtOnce = bytes * 2 >= this.#options.limits.readBytesMax || through < stream.known;
  }

  /** The log ends at `after`. */
  #nothing(stream: StreamState, after: number, claimed: number): void {
    stream.idlePolls++;
    if (stream.delivered > after || claimed <= after) return;
    // The bus had spoken of more before we asked. The log is the truth: what was truncated comes back with other
    // contents, so nothing that was held may be kept. Where only the log is late, it has it all a little later.
    stream.held.clear();
    stream.known = stream.delivered;
    stream.endWarm(stream.delivered);
    if (stream.mode === "live") this.#options.readForward(stream, "contradiction");
  }

  #truncated(stream: StreamState, next: number): void {
    const { pauses, readAgain, readForward } = this.#options;
    // Only what is said twice: a broker that has just taken over may not know yet how far its log reaches, and a
    // new epoch repeats messages to every client.
    stream.truncatedNext = stream.truncatedReads === 0 ? next : Math.min(stream.truncatedNext, next);
    stream.truncatedReads++;
    if (stream.truncatedReads < 2) {
      pauses.beforeSecondOpinion(stream, () => readAgain(stream));
      return;
    }
    stream.truncatedReads = 0;
    stream.held.clear();
    const last = stream.truncatedNext - 1;
    stream.known = last;
    stream.epoch++;
    readForward(stream, "truncated");
    stream.endWarm(last);
    this.#handover.gap(stream, last, "truncated");
  }

  /** Reading on from the probe works, or is not needed, behind a stretch that can not be read. */
  #probed(stream: StreamState, { after: probe, through }: Question, result: RangeResult | undefined): void {
    if (result?.kind === "gone") {
      this.#options.gone(stream, result.isEndUnknown === true, false);
      return;
    }
    const stretch = stream.unreadable;
    if (stretch === undefined || stretch.after !== stream.delivered) return;
    if (result?.kind === "truncated" && result.next <= stretch.after) {
      stream.unreadable = undefined;
      return;
    }
    const atHand = Math.min(probe, through, stream.held.first?.after ?? through);
    stretch.readable(result?.kind === "truncated" ? Math.min(result.next - 1, atHand) : atHand);
    this.#searchOn(stream, stretch);
  }

  #searchOn(stream: StreamState, stretch: UnreadableStretch): void {
    if (stretch.through === undefined) {
      this.#options.readAgain(stream);
      return;
    }
    stream.unreadable = undefined;
    stream.unreadableTries = 0;
    this.#handover.gap(stream, stretch.through, "unreadable");
  }
}
