import { LogError, type RangeRequest, type RangeResult } from "../log/log.ts";
import type { Publication } from "../publication.ts";
import type { Dice, SimulationClock } from "./simulationClock.ts";

const ENVELOPES = [0, 20, 90, 400].map((bytes) => new Uint8Array(bytes));

/** One stream of the model log, with all that ever was in it. */
export class ModelStream {
  readonly id: string;
  /** At each offset its publication, or null where there is none (a transaction marker). */
  line: (Publication | null)[] = [];
  /** The leader at each offset of the line. */
  leaders: number[] = [];
  /** Undefined for a log that has no such thing. */
  leader: number | undefined;
  /** The contents of all epochs, the current one last. */
  readonly epochs: (Publication | null)[][] = [this.line];
  earliest = 0;
  readonly compacted = new Set<number>();
  /** Also what the lines before the current one had lost: frames of them may come late. */
  readonly everCompacted = new Set<number>();
  /** Offsets that stay out of frames, being too large for the bus. */
  readonly large = new Set<number>();
  readonly unreadable = new Set<number>();
  gone = false;
  /** Without leaders appends stop after a truncation until every shard has seen it: offsets alone can not tell a log
   *  that has grown beyond the old end again from one that was never cut. */
  isFrozen = false;
  /** The offset that a consumer group would go on from. */
  committed = 0;

  constructor(id: string, leader: number | undefined) {
    this.id = id;
    this.leader = leader;
  }

  get next(): number {
    return this.line.length;
  }

  append(dice: Dice): void {
    const offset = this.line.length;
    const channel = `epoch${this.epochs.length}`;
    if (this.leader !== undefined) this.leaders[offset] = this.leader;
    this.large.delete(offset);
    this.compacted.delete(offset);
    if (dice.chance(0.15)) {
      this.line.push(null);
      return;
    }
    if (dice.chance(0.02)) this.large.add(offset);
    this.line.push({ offset, timestampMs: 0, channel, envelope: dice.pick(ENVELOPES) });
  }

  /** The log ends earlier now, and what comes, of another leader, will differ from what was. */
  truncate(next: number): void {
    this.changeLeader();
    this.line = this.line.slice(0, next);
    this.leaders.length = Math.min(this.leaders.length, next);
    this.epochs.push(this.line);
    this.committed = Math.min(this.committed, next);
  }

  changeLeader(): void {
    if (this.leader !== undefined) this.leader++;
  }

  /** Where the log parted from one that has a record of this leader at this offset; undefined where it did not. */
  divergesAt(offset: number, leader: number): number | undefined {
    if (offset < 0 || this.leaders[offset] === leader) return undefined;
    const later = this.leaders.findIndex((other) => other > leader);
    return Math.min(later < 0 ? this.next : later, offset);
  }

  publications(after: number, through: number): Publication[] {
    const found: Publication[] = [];
    for (let offset = after + 1; offset <= through; offset++) {
      const publication = this.line[offset];
      if (publication !== null && publication !== undefined && !this.compacted.has(offset))
        found.push(publication);
    }
    return found;
  }
}

/** The log of a simulation: slow, in small bites, sometimes not there. */
export class ModelLog {
  readonly streams = new Map<string, ModelStream>();
  available = true;
  /** The probability that a single read fails. */
  failing = 0;
  /** Answers given: promises whose continuations have to run before time goes on. */
  answers = 0;
  readonly #clock: SimulationClock;
  readonly #dice: Dice;

  constructor(clock: SimulationClock, dice: Dice) {
    this.#clock = clock;
    this.#dice = dice;
  }

  read(request: RangeRequest): Promise<RangeResult> {
    // A broker looks at its log at some moment between the question and the answer.
    return this.#answer(() => this.#read(request));
  }

  discover(streamId: string): Promise<{ earliest: number; next: number } | undefined> {
    return this.#answer(() => {
      if (!this.available) throw new LogError("log_unavailable", "the log does not answer");
      const stream = this.streams.get(streamId);
      return stream === undefined || stream.gone
        ? undefined
        : { earliest: stream.earliest, next: stream.next };
    });
  }

  #answer<T>(look: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const lookAfterMs = this.#dice.between(0, 40);
      const answerAfterMs = this.#dice.chance(0.1) ? this.#dice.between(0, 400) : this.#dice.between(0, 20);
      this.#clock.schedule(lookAfterMs, () => {
        let answer: () => void;
        try {
          const value = look();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error);
        }
        this.#clock.schedule(answerAfterMs, () => {
          this.answers++;
          answer();
        });
      });
    });
  }

  #read({ streamId, after, epoch, through }: RangeRequest): RangeResult {
    if (!this.available || this.#dice.chance(this.failing)) {
      throw new LogError("log_unavailable", "the log does not answer");
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.gone) return { kind: "gone" };
    const next = epoch === undefined ? undefined : stream.divergesAt(after, epoch);
    if (next !== undefined) return { kind: "truncated", next };
    if (after >= stream.next) return { kind: "truncated", next: stream.next };
    if (after + 1 === stream.next) return { kind: "read", publications: [], through: after };
    if (after + 1 < stream.earliest) {
      const lost = stream.earliest - 1;
      return {
        kind: "lost",
        through: this.#dice.chance(0.5) ? lost : Math.min(lost, through),
        reason: "retention",
      };
    }
    if (stream.unreadable.has(after + 1)) throw new LogError("log_unreadable", "this stretch is damaged");
    const most = Math.min(through, stream.next - 1, after + this.#dice.between(1, 60));
    let end = after + 1;
    while (end < most && !stream.unreadable.has(end + 1)) end++;
    return {
      kind: "read",
      publications: stream.publications(after, end),
      through: end,
      epoch: stream.leaders[end],
    };
  }
}
