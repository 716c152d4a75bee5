import type { Logger } from "pino";
import { counter, type Figure, gauge } from "./admin/figure.ts";
import { FrameError } from "./bus/frame.ts";
import { decodeFrame } from "./bus/frameCodec.ts";
import { SYSTEM_TIMING } from "./bus/timing.ts";
import type { Hub } from "./hub/hub.ts";
import type { CompositeLog } from "./log/composite.ts";
import type { Publication } from "./publication.ts";
import { Seldom } from "./seldom.ts";
import { Assembler } from "./stream/assemble.ts";
import { Turns } from "./stream/turns.ts";
import { StreamWatch } from "./stream/watch.ts";
import type { ShardStats, StreamPositions } from "./supervisor/ipc.ts";

export interface AssemblyOptions {
  readonly log: CompositeLog;
  readonly hub: Hub;
  /** Called with what the hub has just taken. */
  readonly delivered: (publications: readonly Publication[]) => void;
  /** Where this instance has read to, before. */
  readonly positions: StreamPositions;
  /** Kafka is one of the logs. */
  readonly hasKafka: boolean;
  readonly coalesceMsMax: number;
  readonly logger: Logger;
}

/** Whoever publishes malformed frames on the bus decides how many there are, but not how full the log gets. */
const MALFORMED_SAID_MS = 10_000;
/** Records per shard that a start reads back, so that history serves the clients that come back. */
const WARM_RECORDS_MAX = 20_000;
/** A start whose reads of the log fail for this long opens without them. */
const LOG_AWAY_MS_MAX = 5000;
const LOOK_MS = 250;

/** The second half of the way in one shard: what the bus brings, completed from the log, handed to the hub in order. */
export class AssemblyHalf {
  readonly #options: AssemblyOptions;
  readonly #assembler: Assembler;
  readonly #turns: Turns;
  readonly #watch: StreamWatch;
  readonly #sayMalformed = new Seldom(MALFORMED_SAID_MS);
  #malformedFrames = 0;

  constructor(options: AssemblyOptions) {
    this.#options = options;
    this.#watch = this.#createWatch();
    this.#assembler = this.#createAssembler();
    this.#turns = new Turns({
      waitMsMax: options.coalesceMsMax,
      take: (bytes) => this.#onFrame(bytes),
      now: () => performance.now(),
      schedule: SYSTEM_TIMING.schedule,
      afterTurn: setImmediate,
    });
  }

  /**
   * Begins to follow the log's streams, with what `subscribe` brings. Resolves when what they brought last is there to be
   * served.
   */
  async begin(subscribe: (onFrame: (frame: Uint8Array) => void) => Promise<void>): Promise<void> {
    const warm = this.#watch.begin();
    await this.#watch.listed;
    await subscribe((bytes) => this.#turns.add(bytes));
    // Without Kafka a shard serves what it has, says so, and catches up: neither may hold its clients hostage.
    await this.#warmOrWithout(warm);
  }

  /** Whether some log has not told its streams since the start. */
  get incomplete(): boolean {
    return this.#watch.incomplete;
  }

  /** The offset that comes next in each stream that is followed. */
  get positions(): StreamPositions {
    return [...this.#assembler.positions()];
  }

  get stats(): Pick<
    ShardStats,
    "repairs" | "oldestHoldMs" | "streamsReadForward" | "streamsUnfollowed" | "streamsWaitingForLog"
  > {
    const { repairs, oldestHoldMs, streamsReadForward } = this.#assembler.stats;
    return {
      ...{ repairs, oldestHoldMs, streamsReadForward },
      streamsUnfollowed: this.#watch.unfollowed,
      streamsWaitingForLog: this.#waitingForLog + this.#watch.unplaced,
    };
  }

  get figures(): readonly Figure[] {
    const stats = () => this.#assembler.stats;
    const turns = this.#turns.stats;
    return [
      counter("gaps", "Stretches of a stream that were lost for good.", () => stats().gaps, "reason"),
      counter("turns", "Turns of the event loop that took frames of the bus.", () => turns.turns),
      counter("turn_frames_held", "Frames that waited for the next turn.", () => turns.framesHeld),
      counter(
        "turns_cut_short",
        "Turns that began early because too many bytes were waiting.",
        () => turns.cutShort,
      ),
      gauge(
        "turn_wait_seconds",
        "How long frames wait after the last turn: as long as that took, within the bound.",
        () => turns.waitMs / 1000,
      ),
      counter("bus_frames", "Range frames received.", () => stats().frames),
      counter(
        "bus_frames_malformed",
        "Frames that were none.",
        () => stats().malformed + this.#malformedFrames,
      ),
      counter("bus_repeats", "Frames with nothing new.", () => stats().repeats),
      counter("holes", "Holes seen in streams.", () => stats().holes),
      counter("repairs", "Holes read from the log.", () => stats().repairs),
      counter("log_reads", "Reads of the log for repairs and warm starts.", () => stats().logReads),
      counter("log_unavailable", "Reads that found no log.", () => stats().logUnavailable),
      counter("held_dropped", "Held frames dropped for room: the log has them.", () => stats().heldDropped),
      gauge("held_bytes", "Frames held back behind holes.", () => stats().heldBytes),
      gauge("oldest_hold_seconds", "Age of the oldest hole.", () => stats().oldestHoldMs / 1000),
      gauge("streams", "Streams followed.", () => stats().streams),
      gauge(
        "streams_unfollowed",
        "Streams that are not followed because there are too many: nobody gets their messages.",
        () => this.#watch.unfollowed,
      ),
      gauge(
        "streams_unplaced",
        "Streams there since the start that nobody can follow: their partitions have no leader.",
        () => this.#watch.unplaced,
      ),
      gauge(
        "streams_waiting_for_log",
        "Streams whose reads of the log fail.",
        () => stats().streamsWaitingForLog,
      ),
      gauge(
        "streams_read_forward",
        "Streams read from the log because the bus does not serve them.",
        () => stats().streamsReadForward,
      ),
    ];
  }

  close(): void {
    this.#watch.close();
    this.#turns.close();
    this.#assembler.close();
  }

  /**
   * Beside Kafka, what is in other instances' memories is away with the bus, for every instance at once: it must not make
   * one look cut off from a Kafka that answers.
   */
  get #waitingForLog(): number {
    const waiting = [...this.#assembler.waitingForLog()];
    if (this.#options.hasKafka) return waiting.filter((id) => !this.#options.log.isOfPeer(id)).length;
    return waiting.length;
  }

  /** Resolves when `warm` does, or when reads of the log have failed for a while. */
  async #warmOrWithout(warm: Promise<void>): Promise<void> {
    let isWarm = false;
    const done = warm.then(() => {
      isWarm = true;
    });
    for (let awayMs = 0; !isWarm && awayMs < LOG_AWAY_MS_MAX; ) {
      await Promise.race([done, Bun.sleep(LOOK_MS)]);
      awayMs = this.#assembler.stats.streamsWaitingForLog > 0 ? awayMs + LOOK_MS : 0;
    }
  }

  #onFrame(bytes: Uint8Array): void {
    try {
      this.#assembler.onFrame(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#malformedFrames += 1;
      const unsaid = this.#sayMalformed.take();
      if (unsaid === undefined) return;
      this.#options.logger.warn(
        { err: error, unsaid },
        "malformed frame on the bus: somebody else publishes there",
      );
    }
  }

  #createWatch(): StreamWatch {
    const { log, hub, positions, logger } = this.#options;
    return new StreamWatch({
      log,
      warmRecordsMax: WARM_RECORDS_MAX,
      remembered: positions,
      found: (stream, from) => {
        if (!this.#assembler.hasRoom) {
          // Said by marks too: they would have to name more streams than they can.
          // Once for each listing is often enough.
          if (this.#watch.unfollowed === 0) {
            logger.error(
              { stream: stream.name },
              "too many streams: this one, and maybe more, are not followed",
            );
          }
          hub.unplaced(stream.id);
          return undefined;
        }
        hub.open(stream.id, from);
        return this.#assembler.open(stream.id, from, stream.next);
      },
      unplaced: ({ id, name }) => {
        logger.warn(
          { streamId: id, stream: name },
          "the stream has no leader; it is followed when it has one",
        );
        hub.unplaced(id);
      },
      vanished: (streamId) => hub.forget(streamId),
      onError: (error) => logger.warn({ err: error }, "not every log tells its streams; it is asked again"),
    });
  }

  #createAssembler(): Assembler {
    const { log, hub, delivered, logger } = this.#options;
    return new Assembler({
      log,
      deliver: (streamId, publications, through) => {
        hub.deliver(streamId, publications, through);
        delivered(publications);
      },
      gap: (streamId, after, through, reason, isEndUnknown) => {
        logger.warn({ streamId, after, through, reason }, "gap: this stretch can not be had any more");
        hub.gap(streamId, after, through, reason, isEndUnknown);
      },
      ended: (streamId) => hub.ended(streamId),
      forget: (streamId) => {
        hub.forget(streamId);
        this.#watch.forget(streamId);
      },
      discover: async (streamId) => {
        const found = await this.#watch.find(streamId);
        if (found !== undefined && this.#assembler.hasRoom) hub.open(streamId, found.earliest);
        return found;
      },
      ...SYSTEM_TIMING,
    });
  }
}
