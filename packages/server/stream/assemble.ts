import type { Frame, HeadsFrame, RangeFrame } from "../bus/frame.ts";
import type { StreamLog } from "../log/log.ts";
import { Discovery, type FoundStream } from "./discovery.ts";
import { FollowedStreams } from "./followedStreams.ts";
import { ForwardReading } from "./forwardReading.ts";
import { Handover, type StreamHandler } from "./handover.ts";
import { HeldBudget, HeldFrames, piecesOf } from "./heldFrames.ts";
import { ASSEMBLER_LIMITS, type AssemblerLimits } from "./limits.ts";
import { LogAnswers } from "./logAnswers.ts";
import { LogReader } from "./logReader.ts";
import { Pauses } from "./pauses.ts";
import { AssemblerCounters, type AssemblerStats } from "./stats.ts";
import { StreamState } from "./streamState.ts";

export interface AssemblerOptions extends StreamHandler {
  readonly log: Pick<StreamLog, "read">;
  /** The stream has ended where it stands, and nothing is missing. Absent where no log can say that. */
  readonly ended?: (streamId: string) => void;
  /** A stream that is gone is forgotten: were it there again it would be a new one. */
  readonly forget: (streamId: string) => void;
  /** Asks the log about a stream that only the bus has named; undefined where it knows none. Rejects with `LogError`. */
  readonly discover: (streamId: string) => Promise<FoundStream | undefined>;
  /** Calls once after `delayMs`; returns what cancels it. */
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
  /** In ms, of any origin. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly limits?: Partial<AssemblerLimits>;
}

/**
 * Makes a complete, ordered stream of what a lossy bus brings, with the log as the truth: what is missing is read
 * there, with brakes, and only then the stream goes on (docs/architecture.md). Open all
 * streams that the log knows before the first frame: a stream that only a frame has named is taken to be new, and
 * is read from its beginning.
 */
export class Assembler {
  readonly #options: AssemblerOptions;
  readonly #limits: AssemblerLimits;
  readonly #streams: FollowedStreams;
  readonly #budget: HeldBudget;
  readonly #discovery: Discovery;
  readonly #counters = new AssemblerCounters();
  readonly #handover: Handover;
  readonly #pauses: Pauses;
  readonly #reader: LogReader;
  readonly #forward: ForwardReading;
  #closed = false;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    const limits = { ...ASSEMBLER_LIMITS, ...options.limits };
    const counters = this.#counters;
    this.#limits = limits;
    this.#streams = new FollowedStreams({ ...limits, forget: options.forget });
    this.#budget = new HeldBudget(limits.heldBytesMax);
    this.#handover = new Handover(options, counters);
    this.#pauses = new Pauses({ schedule: options.schedule, random: options.random, limits });
    const handler = new LogAnswers({
      handover: this.#handover,
      pauses: this.#pauses,
      readAgain: (stream) => this.#reader.enqueue(stream),
      readForward: (stream, cause) => this.#forward.begin(stream, cause),
      gone: (stream, isEndUnknown, isComplete) => this.#gone(stream, isEndUnknown, isComplete),
      counters,
      limits,
    });
    const settle = (stream: StreamState) => this.#settle(stream);
    this.#reader = new LogReader({ log: options.log, handler, settle, counters, limits });
    this.#discovery = new Discovery({
      discover: options.discover,
      found: (streamId, stream) => this.#found(streamId, stream),
      now: options.now,
      limits,
    });
    this.#forward = new ForwardReading({
      streams: () => this.#streams.all(),
      pauses: this.#pauses,
      settle,
      ...{ schedule: options.schedule, now: options.now, counters, limits },
    });
  }

  /**
   * Follows a stream from the offset `next` on. Where `target` is greater, [next, target) is first read from the log;
   * resolves when that is delivered (or is known not to be there), or at `close`. Opening again changes nothing.
   * Throws a `RangeError` where there is no room: see `hasRoom`.
   */
  open(streamId: string, next: number, target = next): Promise<void> {
    if (this.#closed || this.#streams.get(streamId) !== undefined) return Promise.resolve();
    if (!this.hasRoom) throw new RangeError(`more than ${this.#limits.streamsMax} streams`);
    return new Promise((done) => this.#begin(streamId, next, target, done));
  }

  /** Whether one more stream can be followed. What is gone makes room. */
  get hasRoom(): boolean {
    return this.#streams.hasRoom;
  }

  onFrame(frame: Frame): void {
    if (this.#closed) return;
    if (frame.kind === "range") this.#onRange(frame);
    else this.#onHeads(frame);
  }

  /** The offset that comes next; undefined for a stream that is not followed. */
  position(streamId: string): number | undefined {
    const stream = this.#streams.get(streamId);
    return stream === undefined || stream.mode === "gone" ? undefined : stream.delivered + 1;
  }

  /** The offset that comes next, for each stream followed. */
  *positions(): Generator<readonly [streamId: string, next: number]> {
    for (const stream of this.#streams.all()) {
      if (stream.mode !== "gone") yield [stream.id, stream.delivered + 1];
    }
  }

  /** The streams whose reads of the log fail. */
  *waitingForLog(): Generator<string> {
    for (const stream of this.#streams.all()) if (stream.unavailableTries > 0) yield stream.id;
  }

  /** How often the stream was truncated since it was opened. */
  epoch(streamId: string): number | undefined {
    return this.#streams.get(streamId)?.epoch;
  }

  /** Bytes of frames held back, over all streams. */
  get heldBytes(): number {
    return this.#budget.bytes;
  }

  /** Ends all reads and timers. No handler is called any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forward.close();
    this.#discovery.close();
    for (const stream of this.#streams.all()) {
      stream.cancelWait?.();
      stream.held.clear();
      stream.warm?.done();
    }
    this.#reader.close();
  }

  /** Looks at each stream: for a scrape, not for each message. */
  get stats(): AssemblerStats {
    const now = this.#options.now();
    let streamsReadForward = 0;
    let streamsWaitingForLog = 0;
    let oldestHoldMs = 0;
    for (const stream of this.#streams.all()) {
      if (stream.polled) streamsReadForward++;
      if (stream.unavailableTries > 0) streamsWaitingForLog++;
      if (stream.holeSinceMs !== undefined) oldestHoldMs = Math.max(oldestHoldMs, now - stream.holeSinceMs);
    }
    return {
      ...this.#counters,
      forwardEntries: { ...this.#counters.forwardEntries },
      gaps: { ...this.#counters.gaps },
      discoveries: this.#discovery.asked,
      discoveriesRefused: this.#discovery.refused,
      discoveriesFailed: this.#discovery.failed,
      streams: this.#streams.followed,
      streamsReadForward,
      streamsWaitingForLog,
      heldBytes: this.#budget.bytes,
      oldestHoldMs,
    };
  }

  // ——— What the bus says ———

  #onRange(frame: RangeFrame): void {
    this.#counters.frames++;
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined) {
      this.#askFor(frame.streamId);
      return;
    }
    // The common path allocates nothing: it is taken for every frame of a bus that does its work.
    if (
      stream.calm &&
      !stream.delivering &&
      frame.epoch === stream.leaderEpoch &&
      frame.after <= stream.delivered &&
      frame.omitted.length === 0
    ) {
      if (frame.through > stream.heard) stream.heard = frame.through;
      if (frame.through <= stream.delivered) {
        this.#counters.repeats++;
        return;
      }
      if (frame.through > stream.known) stream.known = frame.through;
      this.#handover.deliver(stream, frame.publications, frame.through, frame.epoch);
      if (stream.known > stream.delivered) this.#settle(stream);
      return;
    }
    if (this.#listens(stream)) this.#takeIn(stream, frame);
  }

  #onHeads(frame: HeadsFrame): void {
    this.#counters.heads++;
    for (const { streamId, through } of frame.heads) {
      const stream = this.#streams.get(streamId);
      if (stream === undefined) {
        this.#askFor(streamId);
        continue;
      }
      if (!this.#listens(stream)) continue;
      if (through > stream.heard) stream.heard = through;
      if (through <= stream.known) continue;
      stream.known = through;
      stream.skipped = true;
      if (through > stream.delivered) this.#settle(stream);
    }
  }

  #listens(stream: StreamState): boolean {
    if (stream.mode === "gone") {
      this.#askFor(stream.id);
      return false;
    }
    if (stream.mode !== "distrust") return true;
    this.#counters.distrusted++;
    return false;
  }

  /** A frame of a stream that is not in calm. */
  #takeIn(stream: StreamState, frame: RangeFrame): void {
    if (frame.through <= frame.after) {
      this.#counters.malformed++;
      return;
    }
    if (stream.isOfOldLeader(frame) && frame.through > stream.delivered) {
      this.#counters.outdated++;
      return;
    }
    if (frame.through > stream.heard) stream.heard = frame.through;
    if (stream.isOfNewLeader(frame)) {
      this.#askWhetherItGoesOn(stream, frame);
      return;
    }
    if (frame.after > stream.known) stream.skipped = true;
    if (frame.through > stream.known) stream.known = frame.through;
    if (frame.through <= stream.delivered) {
      this.#counters.repeats++;
      return;
    }
    for (const piece of piecesOf(frame)) {
      if (piece.after <= stream.delivered && !stream.delivering) {
        if (piece.through > stream.delivered) this.#handover.deliverPiece(stream, piece);
        if (this.#closed) return;
        continue;
      }
      const outcome = stream.held.hold(piece);
      if (outcome === "full") this.#counters.heldDropped++;
      if (outcome === "repeated") this.#counters.repeats++;
    }
    this.#settle(stream);
  }

  /**
   * A new leader's log may have lost what an old one's had, and have grown beyond it again: then offsets alone look as
   * if nothing had happened. So nothing of a new leader is taken from the bus until a read of the log has said that it
   * goes on from what was delivered.
   */
  #askWhetherItGoesOn(stream: StreamState, frame: RangeFrame): void {
    if (frame.through > stream.known) stream.known = frame.through;
    if (stream.mode === "live") {
      this.#forward.begin(stream, "leader");
      stream.pollAtOnce = true;
    }
    this.#settle(stream);
  }

  // ——— What a stream does next ———

  /** Delivers what can be delivered and sees to what is missing. Called after every change but the common one. */
  #settle(stream: StreamState): void {
    if (stream.delivering || this.#closed || stream.mode === "gone") return;
    this.#deliverHeld(stream);
    if (this.#closed) return;
    if (stream.warm !== undefined && stream.delivered >= stream.warm.through) {
      stream.warm.done();
      stream.warm = undefined;
    }
    const hole = stream.holeThrough;
    if (hole === undefined) this.#whole(stream);
    else if (stream.holeSinceMs === undefined) {
      this.#counters.holes++;
      stream.holeSinceMs = this.#options.now();
    }
    stream.calm = stream.mode === "live" && hole === undefined && stream.job === "idle";
    if (stream.calm) return;
    if (stream.polled) this.#seeToPoll(stream, hole !== undefined);
    else if (stream.job === "idle" && hole !== undefined) {
      if (stream.onlyLogHasIt) this.#reader.enqueue(stream);
      else this.#pauses.beforeRepair(stream, () => this.#repair(stream));
    }
  }

  #deliverHeld(stream: StreamState): void {
    // What a handler hands in from within is held too, so look again after delivering.
    for (;;) {
      const ready = stream.held.takeReady(stream.delivered);
      if (ready.length === 0) return;
      for (const piece of ready) {
        if (piece.through > stream.delivered) this.#handover.deliverPiece(stream, piece);
        if (this.#closed) return;
      }
    }
  }

  /** Nothing is missing (any more). */
  #whole(stream: StreamState): void {
    stream.holeSinceMs = undefined;
    stream.repairThrough = -1;
    if (stream.mode !== "live" || stream.job !== "waiting") return;
    this.#pauses.cancel(stream);
    this.#counters.healed++;
    stream.unavailableTries = 0;
    stream.unreadableTries = 0;
    stream.truncatedReads = 0;
  }

  /** A hole has not healed by itself. */
  #repair(stream: StreamState): void {
    if (!stream.polled) this.#forward.noteRepair(stream);
    this.#reader.enqueue(stream);
  }

  #seeToPoll(stream: StreamState, behind: boolean): void {
    if (behind && stream.job === "waiting" && stream.waitsIdly) this.#pauses.cancel(stream);
    if (stream.job !== "idle") return;
    if (stream.pollAtOnce) {
      this.#reader.enqueue(stream);
      return;
    }
    const idlePolls = behind ? 0 : stream.idlePolls;
    this.#pauses.beforePoll(stream, idlePolls, () => this.#reader.enqueue(stream));
  }

  // ——— Coming and going ———

  #begin(streamId: string, next: number, target: number, done: () => void): void {
    const held = new HeldFrames(this.#limits.heldBytesPerStreamMax, this.#budget);
    const stream = new StreamState(streamId, next, held);
    this.#streams.add(stream);
    stream.known = Math.max(stream.known, target - 1);
    stream.repairThrough = stream.known;
    stream.warm = { through: stream.known, done };
    this.#settle(stream);
  }

  #gone(stream: StreamState, isEndUnknown: boolean, isComplete: boolean): void {
    stream.held.clear();
    stream.mode = "gone";
    stream.calm = false;
    stream.holeSinceMs = undefined;
    stream.warm?.done();
    stream.warm = undefined;
    stream.known = Math.max(stream.known, stream.delivered);
    this.#streams.gone(stream);
    const after = stream.delivered;
    if (isComplete && this.#options.ended !== undefined) {
      stream.known = after;
      this.#options.ended(stream.id);
    } else {
      // What nobody has heard of may be missing as well. Comes its owner back, the stream goes on where it was.
      this.#handover.gap(stream, isEndUnknown ? stream.known + 1 : stream.known, "gone", isEndUnknown);
      if (isEndUnknown) stream.delivered = after;
    }
    this.#streams.forgetOldest();
  }

  #askFor(streamId: string): void {
    if (this.hasRoom || this.#streams.get(streamId) !== undefined) {
      this.#discovery.ask(streamId);
    } else this.#discovery.refused++;
  }

  #found(streamId: string, found: FoundStream): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.hasRoom) {
        this.#begin(streamId, found.earliest, found.next, () => undefined);
      }
    } else if (stream.mode === "gone") {
      this.#streams.returned(stream);
      stream.known = stream.delivered;
      this.#forward.begin(stream, "returned");
      this.#settle(stream);
    }
  }
}
