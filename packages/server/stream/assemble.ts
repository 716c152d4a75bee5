import type { GapReason } from "@shardcast/protocol/messages";
import type { Frame, HeadsFrame, RangeFrame } from "../bus/frame.ts";
import { LogError, type RangeResult, type StreamLog } from "../log/log.ts";
import type { Publication } from "../publication.ts";
import { Discovery, type FoundStream } from "./discovery.ts";
import { HeldBudget, HeldFrames, type HeldPiece, piecesOf } from "./heldFrames.ts";
import { ASSEMBLER_LIMITS, type AssemblerLimits } from "./limits.ts";
import { AssemblerCounters, type AssemblerStats, type ForwardCause } from "./stats.ts";
import { NOTHING_HEARD, StreamState } from "./streamState.ts";
import { UnreadableStretch } from "./unreadableStretch.ts";

export interface AssemblerOptions {
  readonly log: Pick<StreamLog, "read">;
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
 * there, with brakes, and only then the stream goes on (DESIGN.md, "How a lossy bus becomes complete"). Open all
 * streams that the log knows before the first frame: a stream that only a frame has named is taken to be new, and
 * is read from its beginning.
 */
export class Assembler {
  readonly #options: AssemblerOptions;
  readonly #limits: AssemblerLimits;
  readonly #streams = new Map<string, StreamState>();
  /** Those of them that are gone, the oldest first. */
  readonly #goneIds = new Set<string>();
  readonly #budget: HeldBudget;
  readonly #discovery: Discovery;
  readonly #counters = new AssemblerCounters();
  readonly #abort = new AbortController();
  /** Streams waiting for their turn at the log: each at most once. */
  readonly #queue: StreamState[] = [];
  #reading = 0;
  #closed = false;
  #cancelTick: () => void;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#limits = { ...ASSEMBLER_LIMITS, ...options.limits };
    this.#budget = new HeldBudget(this.#limits.heldBytesMax);
    this.#discovery = new Discovery({
      discover: options.discover,
      found: (streamId, stream) => this.#found(streamId, stream),
      now: options.now,
      limits: this.#limits,
    });
    this.#cancelTick = options.schedule(this.#limits.tickMs, () => this.#tick());
  }

  /**
   * Follows a stream from the offset `next` on. Where `target` is greater, [next, target) is first read from the log;
   * resolves when that is delivered (or is known not to be there), or at `close`. Opening again changes nothing.
   * Throws a `RangeError` where there is no room: see `hasRoom`.
   */
  open(streamId: string, next: number, target = next): Promise<void> {
    if (this.#closed || this.#streams.has(streamId)) return Promise.resolve();
    if (!this.hasRoom) throw new RangeError(`more than ${this.#limits.streamsMax} streams`);
    return new Promise((done) => this.#begin(streamId, next, target, done));
  }

  /** Whether one more stream can be followed. What is gone makes room. */
  get hasRoom(): boolean {
    return this.#streams.size - this.#goneIds.size < this.#limits.streamsMax;
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
    for (const stream of this.#streams.values()) {
      if (stream.mode !== "gone") yield [stream.id, stream.delivered + 1];
    }
  }

  /** The streams whose reads of the log fail. */
  *waitingForLog(): Generator<string> {
    for (const stream of this.#streams.values()) if (stream.unavailableTries > 0) yield stream.id;
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
    this.#cancelTick();
    this.#discovery.close();
    this.#queue.length = 0;
    for (const stream of this.#streams.values()) {
      stream.cancelWait?.();
      stream.held.clear();
      stream.warm?.done();
    }
    this.#abort.abort();
  }

  /** Looks at each stream: for a scrape, not for each message. */
  get stats(): AssemblerStats {
    const now = this.#options.now();
    let streamsReadForward = 0;
    let streamsWaitingForLog = 0;
    let oldestHoldMs = 0;
    for (const stream of this.#streams.values()) {
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
      streams: this.#streams.size - this.#goneIds.size,
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
      this.#deliver(stream, frame.publications, frame.through, frame.epoch);
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
    if (isOutdated(frame, stream) && frame.through > stream.delivered) {
      this.#counters.outdated++;
      return;
    }
    if (frame.through > stream.heard) stream.heard = frame.through;
    if (isOfNewLeader(frame, stream)) {
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
        if (piece.through > stream.delivered) this.#deliverPiece(stream, piece);
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
      this.#readForward(stream, "leader");
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
      if (stream.onlyLogHasIt) this.#enqueue(stream);
      else this.#wait(stream, this.#repairWaitMs(), () => this.#repair(stream));
    }
  }

  #deliverHeld(stream: StreamState): void {
    // What a handler hands in from within is held too, so look again after delivering.
    for (;;) {
      const ready = stream.held.takeReady(stream.delivered);
      if (ready.length === 0) return;
      for (const piece of ready) {
        if (piece.through > stream.delivered) this.#deliverPiece(stream, piece);
        if (this.#closed) return;
      }
    }
  }

  /** Nothing is missing (any more). */
  #whole(stream: StreamState): void {
    stream.holeSinceMs = undefined;
    stream.repairThrough = -1;
    if (stream.mode !== "live" || stream.job !== "waiting") return;
    this.#cancelWait(stream);
    this.#counters.healed++;
    stream.unavailableTries = 0;
    stream.unreadableTries = 0;
    stream.truncatedReads = 0;
  }

  /** A hole has not healed by itself. */
  #repair(stream: StreamState): void {
    if (stream.polled) {
      this.#enqueue(stream);
      return;
    }
    const now = this.#options.now();
    const times = stream.repairTimesMs;
    times.push(now);
    if (times.length > this.#limits.repairsMax) times.shift();
    this.#counters.repairs++;
    const oldest = times[0] ?? now;
    if (times.length === this.#limits.repairsMax && now - oldest <= this.#limits.repairsWindowMs) {
      this.#readForward(stream, "repairs");
    }
    this.#enqueue(stream);
  }

  #readForward(stream: StreamState, cause: ForwardCause): void {
    this.#counters.forwardEntries[cause]++;
    stream.mode = cause === "truncated" ? "distrust" : "forward";
    stream.distrustTicks = Math.ceil(this.#limits.distrustMs / this.#limits.tickMs);
    stream.calm = false;
    stream.servedTicks = 0;
    stream.idlePolls = 0;
    stream.repairThrough = -1;
    stream.repairTimesMs = [];
  }

  #seeToPoll(stream: StreamState, behind: boolean): void {
    if (behind && stream.job === "waiting" && stream.waitsIdly) this.#cancelWait(stream);
    if (stream.job !== "idle") return;
    if (stream.pollAtOnce) {
      this.#enqueue(stream);
      return;
    }
    const { forwardBehindMs, forwardIdleMs } = this.#limits;
    const idle = behind ? 0 : stream.idlePolls;
    const delayMs = Math.min(forwardIdleMs, forwardBehindMs * 2 ** Math.min(idle, 10));
    this.#wait(stream, delayMs * this.#jitter(), () => this.#enqueue(stream));
    stream.waitsIdly = idle > 0;
  }

  #tick(): void {
    // Ticks and not the clock measure silence, so that a process that was stopped for a while does not take its own
    // silence for the bus's.
    this.#cancelTick = this.#options.schedule(this.#limits.tickMs, () => this.#tick());
    const overdueTicks = Math.ceil(this.#limits.overdueMs / this.#limits.tickMs);
    const servedTicks = Math.ceil(this.#limits.servedMs / this.#limits.tickMs);
    for (const stream of this.#streams.values()) {
      if (stream.mode === "gone") continue;
      const alive = stream.heard >= stream.deliveredAtTick;
      stream.silentTicks = alive ? 0 : stream.silentTicks + 1;
      stream.servedTicks = alive && !stream.skipped ? stream.servedTicks + 1 : 0;
      stream.heard = NOTHING_HEARD;
      stream.skipped = false;
      stream.deliveredAtTick = stream.delivered;
      if (stream.mode === "distrust") {
        if (--stream.distrustTicks <= 0) stream.mode = "forward";
      } else if (stream.mode === "live" && stream.silentTicks >= overdueTicks) {
        this.#readForward(stream, "overdue");
        this.#settle(stream);
      } else if (stream.mode === "forward" && stream.servedTicks >= servedTicks) {
        if (stream.holeThrough === undefined) this.#returnToBus(stream);
      }
    }
  }

  #returnToBus(stream: StreamState): void {
    this.#counters.forwardExits++;
    stream.mode = "live";
    if (stream.job === "waiting") this.#cancelWait(stream);
    this.#settle(stream);
  }

  // ——— What the log says ———

  #enqueue(stream: StreamState): void {
    stream.job = "queued";
    this.#queue.push(stream);
    this.#readNext();
  }

  #readNext(): void {
    while (this.#reading < this.#limits.readsAtOnceMax && !this.#closed) {
      const stream = this.#queue.shift();
      if (stream === undefined) return;
      const through = stream.polled ? Number.MAX_SAFE_INTEGER : stream.holeThrough;
      stream.job = "idle";
      // It may have healed, or gone, while it waited for its turn.
      if (through === undefined || stream.mode === "gone") this.#settle(stream);
      else void this.#read(stream, through);
    }
  }

  async #read(stream: StreamState, through: number): Promise<void> {
    this.#reading++;
    this.#counters.logReads++;
    stream.job = "reading";
    stream.pollAtOnce = false;
    if (stream.mode === "live") stream.repairThrough = through;
    if (stream.unreadable !== undefined && stream.unreadable.after !== stream.delivered) {
      // The bus has brought some of the stretch after all.
      stream.unreadable = undefined;
      stream.unreadableTries = 0;
    }
    const probe = stream.unreadable?.probe;
    const after = probe ?? stream.delivered;
    const claimed = stream.known;
    let result: RangeResult | undefined;
    let failure: LogError | undefined;
    try {
      // Where the probe has come to the end of the hole there is nothing to ask: what follows is at hand, or not known.
      if (after < through) {
        result = await this.#options.log.read({
          streamId: stream.id,
          after,
          epoch: after === stream.delivered ? stream.leaderEpoch : undefined,
          through,
          bytesMax: this.#limits.readBytesMax,
          signal: this.#abort.signal,
        });
      }
    } catch (error) {
      if (!this.#closed) {
        // Anything but the log's own errors is a defect and ends the process.
        if (!(error instanceof LogError)) throw error;
        failure = error;
      }
    }
    this.#reading--;
    if (this.#closed) return;
    stream.job = "idle";
    if (failure !== undefined) this.#failed(stream, failure, after);
    else {
      stream.unavailableTries = 0;
      if (probe !== undefined) this.#probed(stream, probe, through, result);
      else if (result !== undefined) this.#take(stream, result, after, through, claimed);
    }
    this.#settle(stream);
    this.#readNext();
  }

  /** The answer to a read of (after, through]. The bus may have brought some of it meanwhile. */
  #take(stream: StreamState, result: RangeResult, after: number, through: number, claimed: number): void {
    stream.unreadableTries = 0;
    if (result.kind !== "truncated") stream.truncatedReads = 0;
    switch (result.kind) {
      case "read":
        if (result.through <= after) this.#nothing(stream, after, claimed);
        else if (stream.delivered > after && result.epoch !== stream.leaderEpoch) {
          // What the bus brought meanwhile is of another leader, and may not be what the log has there: asked again.
          stream.pollAtOnce = true;
        } else this.#advance(stream, result.publications, result.through, result.epoch);
        return;
      case "lost": {
        // Frames at hand may hold what the log has lost, and nothing was missing beyond what was asked for.
        const lost = Math.min(result.through, through, stream.held.first?.after ?? through);
        if (lost > stream.delivered) this.#gap(stream, lost, result.reason);
        else if (lost <= after) this.#nothing(stream, after, claimed);
        return;
      }
      case "truncated":
        if (result.next > after) this.#nothing(stream, after, claimed);
        else this.#truncated(stream, result.next);
        return;
      case "gone":
        this.#gone(stream, result.isEndUnknown, result.isComplete === true && stream.delivered === after);
    }
  }

  #advance(
    stream: StreamState,
    publications: readonly Publication[],
    through: number,
    epoch: number | undefined,
  ): void {
    stream.idlePolls = 0;
    if (through <= stream.delivered) return;
    const after = stream.delivered;
    const fresh = beyond(publications, after);
    this.#counters.logPublications += fresh.length;
    this.#deliver(stream, fresh, through, epoch);
    // A poll that was stopped by its size goes on at once.
    let bytes = 0;
    for (const publication of fresh) bytes += publication.envelope.byteLength;
    stream.pollAtOnce = bytes * 2 >= this.#limits.readBytesMax || through < stream.known;
  }

  /** The log ends at `after`. */
  #nothing(stream: StreamState, after: number, claimed: number): void {
    stream.idlePolls++;
    if (stream.delivered > after || claimed <= after) return;
    // The bus had spoken of more before we asked. The log is the truth: what was truncated comes back with other
    // contents, so nothing that was held may be kept. Where only the log is late, it has it all a little later.
    stream.held.clear();
    stream.known = stream.delivered;
    this.#endWarm(stream, stream.delivered);
    if (stream.mode === "live") this.#readForward(stream, "contradiction");
  }

  #truncated(stream: StreamState, next: number): void {
    // Only what is said twice: a broker that has just taken over may not know yet how far its log reaches, and a
    // new epoch repeats messages to every client.
    stream.truncatedNext = stream.truncatedReads === 0 ? next : Math.min(stream.truncatedNext, next);
    stream.truncatedReads++;
    if (stream.truncatedReads < 2) {
      this.#wait(stream, this.#limits.forwardIdleMs, () => this.#enqueue(stream));
      return;
    }
    stream.truncatedReads = 0;
    stream.held.clear();
    const last = stream.truncatedNext - 1;
    stream.known = last;
    stream.epoch++;
    this.#readForward(stream, "truncated");
    this.#endWarm(stream, last);
    this.#gap(stream, last, "truncated");
  }

  #gone(stream: StreamState, isEndUnknown = false, isComplete = false): void {
    stream.held.clear();
    stream.mode = "gone";
    stream.calm = false;
    stream.holeSinceMs = undefined;
    stream.warm?.done();
    stream.warm = undefined;
    stream.known = Math.max(stream.known, stream.delivered);
    this.#goneIds.add(stream.id);
    const after = stream.delivered;
    if (isComplete && this.#options.ended !== undefined) {
      stream.known = after;
      this.#options.ended(stream.id);
      this.#forgetGone(this.#limits.goneMax);
      return;
    }
    // What nobody has heard of may be missing as well. Comes its owner back, the stream goes on where it was.
    this.#gap(stream, isEndUnknown ? stream.known + 1 : stream.known, "gone", isEndUnknown);
    if (isEndUnknown) stream.delivered = after;
    this.#forgetGone(this.#limits.goneMax);
  }

  /** Forgets the oldest of what is gone beyond so many. */
  #forgetGone(countMax: number): void {
    for (const streamId of this.#goneIds) {
      if (this.#goneIds.size <= countMax) return;
      this.#goneIds.delete(streamId);
      this.#streams.delete(streamId);
      this.#options.forget(streamId);
    }
  }

  #failed(stream: StreamState, error: LogError, after: number): void {
    if (error.code === "log_unavailable") {
      this.#counters.logUnavailable++;
      stream.unavailableTries++;
      this.#wait(stream, this.#retryMs(stream.unavailableTries), () => this.#enqueue(stream));
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
    if (stream.unreadableTries < this.#limits.unreadableTriesMax) {
      this.#wait(stream, this.#retryMs(stream.unreadableTries), () => this.#enqueue(stream));
      return;
    }
    if (after === stream.delivered) stream.unreadable = new UnreadableStretch(after);
    this.#enqueue(stream);
  }

  /** Reading on from `probe` works, or is not needed, behind a stretch that can not be read. */
  #probed(stream: StreamState, probe: number, through: number, result: RangeResult | undefined): void {
    if (result?.kind === "gone") {
      this.#gone(stream, result.isEndUnknown);
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
      this.#enqueue(stream);
      return;
    }
    stream.unreadable = undefined;
    stream.unreadableTries = 0;
    this.#gap(stream, stretch.through, "unreadable");
  }

  // ——— Handing on ———

  #deliverPiece(stream: StreamState, piece: HeldPiece): void {
    // It waited here while the log told of another leader: what it says, the log says better.
    if (isOutdated(piece, stream) || isOfNewLeader(piece, stream)) this.#counters.outdated++;
    else this.#deliver(stream, piece.publications, piece.through, piece.epoch);
  }

  #deliver(
    stream: StreamState,
    publications: readonly Publication[],
    through: number,
    epoch: number | undefined,
  ): void {
    const fresh = beyond(publications, stream.delivered);
    stream.delivered = through;
    stream.leaderEpoch = epoch;
    stream.delivering = true;
    try {
      this.#options.deliver(stream.id, fresh, through);
    } finally {
      stream.delivering = false;
    }
  }

  #gap(stream: StreamState, through: number, reason: GapReason, isEndUnknown = false): void {
    const after = stream.delivered;
    this.#counters.gaps[reason]++;
    stream.delivered = through;
    stream.leaderEpoch = undefined;
    stream.delivering = true;
    try {
      this.#options.gap(stream.id, after, through, reason, isEndUnknown);
    } finally {
      stream.delivering = false;
    }
  }

  // ——— Coming and going ———

  #begin(streamId: string, next: number, target: number, done: () => void): void {
    if (this.#streams.size >= this.#limits.streamsMax) this.#forgetGone(this.#goneIds.size - 1);
    const held = new HeldFrames(this.#limits.heldBytesPerStreamMax, this.#budget);
    const stream = new StreamState(streamId, next, held);
    this.#streams.set(streamId, stream);
    stream.known = Math.max(stream.known, target - 1);
    stream.repairThrough = stream.known;
    stream.warm = { through: stream.known, done };
    this.#settle(stream);
  }

  #endWarm(stream: StreamState, through: number): void {
    if (stream.warm !== undefined) stream.warm.through = Math.min(stream.warm.through, through);
  }

  #askFor(streamId: string): void {
    if (this.hasRoom || this.#streams.has(streamId)) {
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
      this.#goneIds.delete(streamId);
      stream.known = stream.delivered;
      this.#readForward(stream, "returned");
      this.#settle(stream);
    }
  }

  // ——— Time ———

  #wait(stream: StreamState, delayMs: number, then: () => void): void {
    stream.job = "waiting";
    stream.waitsIdly = false;
    stream.cancelWait = this.#options.schedule(delayMs, () => {
      stream.cancelWait = undefined;
      stream.job = "idle";
      then();
    });
  }

  #cancelWait(stream: StreamState): void {
    stream.cancelWait?.();
    stream.cancelWait = undefined;
    stream.job = "idle";
  }

  #repairWaitMs(): number {
    const { repairWaitMinMs, repairWaitMaxMs } = this.#limits;
    return repairWaitMinMs + this.#options.random() * (repairWaitMaxMs - repairWaitMinMs);
  }

  #retryMs(tries: number): number {
    const { retryMinMs, retryMaxMs } = this.#limits;
    return Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(tries - 1, 30)) * this.#jitter();
  }

  /** Between a half and one, so that shards that failed together do not try again together. */
  #jitter(): number {
    return 0.5 + this.#options.random() / 2;
  }
}

interface OfLeader {
  readonly epoch?: number | undefined;
}

/** Leader epochs only grow along a log, so what ends beyond what was delivered and has a lesser one is of another log. */
function isOutdated({ epoch }: OfLeader, { leaderEpoch }: StreamState): boolean {
  return epoch !== undefined && leaderEpoch !== undefined && epoch < leaderEpoch;
}

function isOfNewLeader({ epoch }: OfLeader, { leaderEpoch }: StreamState): boolean {
  return epoch !== undefined && leaderEpoch !== undefined && epoch > leaderEpoch;
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
