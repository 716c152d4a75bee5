import type { Frame, RangeFrame } from "../bus/frame.ts";
import type { Assembler, AssemblerOptions } from "./assemble.ts";
import { SimulationCheck } from "./simulationCheck.ts";
import { Dice, SimulationClock } from "./simulationClock.ts";
import { ModelLog, ModelStream } from "./simulationLog.ts";
import type { AssemblerStats } from "./stats.ts";

export interface SimulationResult {
  readonly seed: number;
  /** What went wrong first; undefined for a run that kept every promise. */
  readonly failure: string | undefined;
  /** The last words of every assembler of the run. */
  readonly stats: readonly AssemblerStats[];
}

const ACTIVE_MS = 25_000;
/** Faults have ended by then, so everything must become whole: ten tries of an unreadable stretch take half of it. */
const QUIET_MS = 90_000;
const HELD_BYTES_MAX = 14_000;
/** The longest that a bus keeps a frame: as late as it likes where records have leaders, otherwise less than distrust lasts. */
const HANGS_MS = { withLeaders: 20_000, without: 7_000 };

/**
 * One run: a log with holes, retention, compaction, damage and truncation; publishers that take streams over from
 * one another and go on too long; a bus that drops, repeats, delays, reorders and cuts; shards that crash. Everything
 * follows from the seed. The class under test is handed in, so that planted defects can be.
 */
export async function simulate(
  seed: number,
  createAssembler: (options: AssemblerOptions) => Assembler,
): Promise<SimulationResult> {
  const simulation = new Simulation(seed, createAssembler);
  const failure = await simulation.run();
  return { seed, failure, stats: simulation.stats };
}

interface Shard {
  readonly index: number;
  assembler: Assembler;
  check: SimulationCheck;
  running: boolean;
  cutUntilMs: number;
  /** The arrival of the last frame of each publisher: a bus keeps their order. */
  readonly lastArrivalMs: number[];
}

interface Reader {
  readonly stream: ModelStream;
  readonly publisher: number;
  position: number;
  untilMs: number;
}

class Simulation {
  readonly stats: AssemblerStats[] = [];
  readonly #createAssembler: (options: AssemblerOptions) => Assembler;
  readonly #dice: Dice;
  readonly #clock = new SimulationClock();
  readonly #log: ModelLog;
  readonly #shards: Shard[] = [];
  /** Who reads and publishes a stream: its owner, and former owners that do not know yet. */
  #readers: Reader[] = [];
  readonly #publishers = 2;
  readonly #dropping: number;
  readonly #repeating: number;
  readonly #reordering: number;
  readonly #heldBytesMax: number;
  /** Some runs end with a dead bus: the log alone has to do. */
  readonly #busDiesAtEnd: boolean;
  /** Whether records have leader epochs. */
  readonly #hasLeaders: boolean;
  readonly #hangsMs: number;
  #busCutUntilMs = 0;
  #quiet = false;
  #failure: string | undefined;

  constructor(seed: number, createAssembler: (options: AssemblerOptions) => Assembler) {
    this.#createAssembler = createAssembler;
    const dice = new Dice(seed);
    this.#dice = dice;
    this.#log = new ModelLog(this.#clock, new Dice(seed + 1_000_000_007));
    this.#dropping = dice.pick([0, 0.01, 0.05, 0.3]);
    this.#repeating = dice.pick([0, 0.05]);
    this.#reordering = dice.pick([0, 0, 0.05, 0.2]);
    this.#heldBytesMax = dice.pick([HELD_BYTES_MAX, 1_000_000]);
    this.#busDiesAtEnd = dice.chance(0.15);
    this.#log.failing = dice.pick([0, 0, 0.1]);
    this.#hasLeaders = dice.chance(0.6);
    this.#hangsMs = this.#hasLeaders ? HANGS_MS.withLeaders : HANGS_MS.without;
  }

  async run(): Promise<string | undefined> {
    const streams = this.#dice.between(1, 2);
    for (let i = 0; i < streams; i++) this.#addStream(`stream${i}`, this.#dice.between(0, 60));
    const shards = this.#dice.between(1, 2);
    for (let index = 0; index < shards; index++) this.#addShard(index);
    for (let publisher = 0; publisher < this.#publishers; publisher++) this.#headsLater(publisher);
    if (this.#dice.chance(0.3)) this.#at(this.#dice.between(1_000, 20_000), () => this.#addStream("late", 5));
    this.#faults();
    await this.#until(() => this.#clock.nowMs >= ACTIVE_MS);
    this.#heal();
    await this.#until(() => this.#isWhole() || this.#clock.nowMs >= ACTIVE_MS + QUIET_MS);
    this.#failure ??= this.#whatIsNotWhole();
    for (const shard of this.#shards) this.#stop(shard);
    return this.#failure;
  }

  async #until(done: () => boolean): Promise<void> {
    let lookAgainMs = 0;
    while (this.#failure === undefined) {
      if (this.#clock.nowMs >= lookAgainMs) {
        if (done()) return;
        lookAgainMs = this.#clock.nowMs + 500;
      }
      const { answers } = this.#log;
      this.#clock.step();
      // What awaits an answer of the log goes on before time does.
      if (this.#log.answers !== answers) for (let turn = 0; turn < 6; turn++) await undefined;
      for (const shard of this.#shards)
        if (shard.check.failure !== undefined) this.#failure ??= shard.check.failure;
    }
  }

  // ——— The log and its fates ———

  #addStream(id: string, records: number): void {
    const stream = new ModelStream(id, this.#hasLeaders ? 0 : undefined);
    for (let i = 0; i < records; i++) stream.append(this.#dice);
    stream.committed = stream.next;
    this.#log.streams.set(id, stream);
    this.#readers.push({
      stream,
      publisher: this.#dice.between(0, 1),
      position: stream.next,
      untilMs: Infinity,
    });
    this.#appendLater(stream, this.#dice.pick([60, 200, 1_500]));
    this.#publishLater(stream);
  }

  #appendLater(stream: ModelStream, everyMs: number): void {
    this.#at(this.#dice.between(1, 2 * everyMs), () => {
      if (this.#quiet || stream.gone) return;
      if (!this.#isFrozen(stream)) {
        const count = this.#dice.between(1, 4);
        for (let i = 0; i < count; i++) stream.append(this.#dice);
      }
      this.#appendLater(stream, everyMs);
    });
  }

  #isFrozen(stream: ModelStream): boolean {
    if (!stream.isFrozen) return false;
    stream.isFrozen = this.#shards.some(
      ({ running, check }) => running && (check.position(stream.id) ?? -1) >= stream.next,
    );
    return stream.isFrozen;
  }

  #faults(): void {
    const { streams } = this.#log;
    this.#sometimes(4_000, () => {
      const stream = this.#dice.pick([...streams.values()]);
      const earliest = stream.earliest + this.#dice.between(0, Math.max(0, stream.next - stream.earliest));
      stream.earliest = this.#dice.chance(0.3) ? earliest : Math.min(earliest, stream.earliest + 10);
    });
    this.#sometimes(3_000, () => {
      const stream = this.#dice.pick([...streams.values()]);
      for (let i = 0; i < 5; i++) stream.compacted.add(this.#dice.between(0, stream.next));
      for (const offset of stream.compacted) {
        if (offset >= stream.next) stream.compacted.delete(offset);
        else stream.everCompacted.add(offset);
      }
    });
    if (this.#dice.chance(0.3)) {
      this.#sometimes(8_000, () => {
        const stream = this.#dice.pick([...streams.values()]);
        const from = Math.max(0, stream.next - this.#dice.between(0, 20));
        // Stretches nearer to one another than they are long are told as one gap (see unreadableStretch.ts).
        for (const offset of stream.unreadable) if (from - offset < 20) return;
        const count = this.#dice.between(1, 9);
        for (let offset = from; offset < from + count; offset++) stream.unreadable.add(offset);
      });
    }
    if (this.#dice.chance(0.6)) {
      this.#at(this.#dice.between(2_000, 15_000), () =>
        this.#truncate(this.#dice.pick([...streams.values()])),
      );
    }
    // Another leader that has all the log of the one before.
    this.#sometimes(7_000, () => this.#dice.pick([...streams.values()]).changeLeader());
    if (this.#dice.chance(0.1)) {
      this.#at(this.#dice.between(2_000, 20_000), () => {
        this.#dice.pick([...streams.values()]).gone = true;
      });
    }
    this.#sometimes(9_000, () => {
      this.#log.available = false;
      this.#at(this.#dice.between(100, 7_000), () => {
        this.#log.available = true;
      });
    });
    this.#sometimes(5_000, () => this.#takeOver(this.#dice.pick([...streams.values()])));
    this.#sometimes(9_000, () => {
      this.#busCutUntilMs = this.#clock.nowMs + this.#dice.between(100, 9_000);
    });
    this.#sometimes(9_000, () => {
      this.#dice.pick(this.#shards).cutUntilMs = this.#clock.nowMs + this.#dice.between(100, 9_000);
    });
    this.#sometimes(10_000, () => this.#crash(this.#dice.pick(this.#shards)));
  }

  #truncate(stream: ModelStream): void {
    if (stream.gone) return;
    // Whoever has just been told of a gap knows no record that it could compare (docs/decisions/truncation.md).
    if (this.#hasLeaders && this.#shards.some(({ check }) => check.afterGap(stream.id))) return;
    let next = stream.next - this.#dice.between(1, 30);
    // Without leaders a shard that has not come so far yet could not see it.
    if (!this.#hasLeaders) {
      for (const { running, check } of this.#shards)
        if (running) next = Math.min(next, check.position(stream.id) ?? next);
    }
    if (next < stream.earliest) return;
    stream.truncate(next);
    stream.unreadable.clear();
    stream.isFrozen = !this.#hasLeaders;
    // Many have grown beyond the old end again before anybody looks: only leaders can tell then.
    const regrown = this.#hasLeaders && this.#dice.chance(0.5) ? this.#dice.between(0, 60) : 0;
    for (let i = 0; i < regrown; i++) stream.append(this.#dice);
    // Former owners of the old epoch are not modelled beyond what is on its way already.
    this.#readers = this.#readers.filter((reader) => reader.stream !== stream || reader.untilMs === Infinity);
  }

  // ——— Publishers ———

  #publishLater(stream: ModelStream): void {
    this.#at(this.#dice.between(20, 200), () => {
      if (stream.gone) return;
      for (const reader of this.#readers) if (reader.stream === stream) this.#publish(reader);
      this.#publishLater(stream);
    });
  }

  #publish(reader: Reader): void {
    const { stream } = reader;
    if (!this.#log.available || reader.untilMs < this.#clock.nowMs) return;
    if (reader.position < stream.earliest) reader.position = stream.earliest;
    if (reader.position > stream.next) reader.position = stream.next;
    let batches = this.#dice.between(0, 3);
    while (batches-- > 0 && reader.position < stream.next) {
      const after = reader.position - 1;
      const epoch = stream.leaders[after + 1];
      let through = Math.min(stream.next - 1, after + this.#dice.between(1, 6));
      while (stream.leaders[through] !== epoch) through--;
      const all = stream.publications(after, through);
      const frame: RangeFrame = {
        kind: "range",
        publisher: `p${reader.publisher}`,
        streamId: stream.id,
        after,
        through,
        epoch,
        publications: all.filter(({ offset }) => !stream.large.has(offset)),
        omitted: all.filter(({ offset }) => stream.large.has(offset)).map(({ offset }) => offset),
      };
      reader.position = through + 1;
      this.#broadcast(frame, reader.publisher);
      if (reader.untilMs === Infinity && this.#dice.chance(0.4)) {
        stream.committed = Math.min(stream.next, Math.max(stream.committed, reader.position));
      }
    }
  }

  /** Another publisher goes on from the committed offset; the former owner may not know of it for a while. */
  #takeOver(stream: ModelStream): void {
    this.#readers = this.#readers.filter(({ untilMs }) => untilMs >= this.#clock.nowMs);
    const owner = this.#readers.find((reader) => reader.stream === stream && reader.untilMs === Infinity);
    if (owner === undefined) return;
    const publisher = this.#dice.chance(0.8) ? 1 - owner.publisher : owner.publisher;
    owner.untilMs = this.#clock.nowMs + (this.#dice.chance(0.5) ? this.#dice.between(0, 2_500) : -1);
    this.#readers.push({ stream, publisher, position: stream.committed, untilMs: Infinity });
  }

  #headsLater(publisher: number): void {
    this.#at(1_000, () => {
      const heads = [];
      for (const reader of this.#readers) {
        if (reader.publisher !== publisher || reader.stream.gone || reader.untilMs < this.#clock.nowMs)
          continue;
        heads.push({ streamId: reader.stream.id, through: reader.position - 1 });
      }
      this.#broadcast({ kind: "heads", publisher: `p${publisher}`, heads }, publisher);
      this.#headsLater(publisher);
    });
  }

  // ——— The bus ———

  #broadcast(frame: Frame, publisher: number): void {
    if (this.#clock.nowMs < this.#busCutUntilMs) return;
    for (const shard of this.#shards) {
      if (this.#clock.nowMs < shard.cutUntilMs) continue;
      if (!this.#quiet && this.#dice.chance(this.#dropping)) continue;
      this.#send(frame, publisher, shard);
      if (!this.#quiet && this.#dice.chance(this.#repeating)) this.#send(frame, publisher, shard);
    }
  }

  #send(frame: Frame, publisher: number, shard: Shard): void {
    // A connection may also hang for long: then old frames come when the log has moved on.
    const hangs = this.#dice.chance(0.02) ? this.#hangsMs : this.#dice.chance(0.03) ? 1_500 : 30;
    let arrivalMs = this.#clock.nowMs + this.#dice.between(0, this.#quiet ? 30 : hangs);
    if (!this.#dice.chance(this.#quiet ? 0 : this.#reordering)) {
      arrivalMs = Math.max(arrivalMs, shard.lastArrivalMs[publisher] ?? 0);
      shard.lastArrivalMs[publisher] = arrivalMs;
    }
    // A shard that has crashed meanwhile is closed, and what replaces it has a subscription of its own.
    const { assembler } = shard;
    this.#at(arrivalMs - this.#clock.nowMs, () => {
      assembler.onFrame(frame);
      if (assembler.heldBytes > this.#heldBytesMax) this.#failure ??= "held more than the limit";
    });
  }

  // ——— Shards ———

  #addShard(index: number): void {
    const shard: Shard = {
      index,
      ...this.#boot(index),
      running: true,
      cutUntilMs: 0,
      lastArrivalMs: [],
    };
    this.#shards.push(shard);
    this.#openAll(shard);
  }

  #boot(index: number): Pick<Shard, "assembler" | "check"> {
    const check = new SimulationCheck(`shard ${index}`, this.#log);
    const assembler = this.#createAssembler({
      log: this.#log,
      deliver: (streamId, publications, through) => check.deliver(streamId, publications, through),
      gap: (streamId, after, through, reason) => check.gap(streamId, after, through, reason),
      forget: () => undefined,
      discover: async (streamId) => {
        const found = await this.#log.discover(streamId);
        if (found !== undefined) check.opened(streamId, found.earliest);
        return found;
      },
      schedule: (delayMs, fn) => this.#clock.schedule(delayMs, fn),
      now: () => this.#clock.nowMs,
      random: () => this.#dice.next(),
      limits: {
        heldBytesMax: this.#heldBytesMax,
        heldBytesPerStreamMax: this.#heldBytesMax * 0.7,
        readBytesMax: 2_000,
        readsAtOnceMax: this.#dice.between(1, 4),
      },
    });
    return { assembler, check };
  }

  #openAll(shard: Shard): void {
    for (const stream of this.#log.streams.values()) {
      if (stream.gone) continue;
      const start = Math.max(stream.earliest, stream.next - this.#dice.between(0, 40));
      shard.check.opened(stream.id, start);
      void shard.assembler.open(stream.id, start, stream.next);
    }
  }

  #crash(shard: Shard): void {
    if (!shard.running) return;
    this.#stop(shard);
    shard.lastArrivalMs.length = 0;
    this.#at(this.#dice.between(0, 3_000), () => {
      Object.assign(shard, this.#boot(shard.index), { running: true });
      this.#openAll(shard);
    });
  }

  #stop(shard: Shard): void {
    if (!shard.running) return;
    this.stats.push(shard.assembler.stats);
    shard.assembler.close();
    shard.check.closed = true;
    shard.running = false;
  }

  // ——— The end ———

  #heal(): void {
    this.#quiet = true;
    this.#log.available = true;
    this.#log.failing = 0;
    this.#busCutUntilMs = this.#busDiesAtEnd ? Infinity : 0;
    for (const shard of this.#shards) shard.cutUntilMs = 0;
  }

  #isWhole(): boolean {
    return this.#whatIsNotWhole() === undefined;
  }

  #whatIsNotWhole(): string | undefined {
    for (const { index, running, check, assembler } of this.#shards) {
      if (!running) return `shard ${index} is not running`;
      const incomplete = check.incomplete();
      if (incomplete !== undefined) return `shard ${index}: ${incomplete} at the end`;
      const { streamsReadForward, heldBytes } = assembler.stats;
      if (heldBytes > 0) return `shard ${index}: holds frames at the end`;
      if (streamsReadForward > 0 && !this.#busDiesAtEnd) return `shard ${index}: does not return to the bus`;
    }
    return undefined;
  }

  #at(delayMs: number, fn: () => void): void {
    this.#clock.schedule(delayMs, fn);
  }

  #sometimes(everyMs: number, fn: () => void): void {
    this.#at(this.#dice.between(1, 2 * everyMs), () => {
      if (this.#quiet) return;
      fn();
      this.#sometimes(everyMs, fn);
    });
  }
}
