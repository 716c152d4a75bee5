import type { RangeFrame } from "../bus/frame.ts";
import { LogError, type RangeRequest, type RangeResult } from "../log/log.ts";
import type { Publication } from "../publication.ts";
import { Assembler, type AssemblerOptions } from "./assemble.ts";
import type { AssemblerLimits } from "./limits.ts";
import { SimulationClock } from "./simulationClock.ts";

export interface AssemblerFixtureOptions {
  readonly limits?: Partial<AssemblerLimits>;
  readonly discover?: AssemblerOptions["discover"];
  /** Runs within each delivery, for handlers that call back. */
  readonly onDeliver?: (fixture: AssemblerFixture, offsets: readonly number[]) => void;
}

/** An assembler over a log of its own and a clock that the test turns. */
export class AssemblerFixture {
  readonly clock = new SimulationClock();
  readonly assembler: Assembler;
  /** What the hub saw: `1 2` for publications, `gap 3-5 retention`. */
  readonly seen: string[] = [];
  readonly reads: string[] = [];
  readonly forgotten: string[] = [];
  /** Offsets in the log of every stream, which is as far as it may be read. */
  logNext = 0;
  earliest = 0;
  readonly unreadable = new Set<number>();
  state: "available" | "unavailable" | "gone" | "complete" = "available";
  /** Set, an answer waits for `answer()`. */
  slow = false;
  #waiting: (() => void)[] = [];

  constructor({ limits = {}, discover, onDeliver }: AssemblerFixtureOptions = {}) {
    this.assembler = new Assembler({
      log: { read: (request) => this.#read(request) },
      deliver: (_streamId, publications) => {
        const offsets = publications.map(({ offset }) => offset);
        this.seen.push(offsets.join(" "));
        onDeliver?.(this, offsets);
      },
      gap: (_streamId, after, through, reason) => this.seen.push(`gap ${after}-${through} ${reason}`),
      ended: (streamId) => this.seen.push(`${streamId} ended`),
      forget: (streamId) => this.forgotten.push(streamId),
      discover: discover ?? (async () => undefined),
      schedule: (delayMs, fn) => this.clock.schedule(delayMs, fn),
      now: () => this.clock.nowMs,
      random: () => 0.5,
      limits,
    });
  }

  get inFlight(): number {
    return this.#waiting.length;
  }

  range(after: number, through: number, streamId = "s", omitted: readonly number[] = []): void {
    this.assembler.onFrame(rangeFrame(after, through, streamId, omitted));
  }

  head(through: number, streamId = "s"): void {
    this.assembler.onFrame({ kind: "heads", publisher: "p", heads: [{ streamId, through }] });
  }

  /** Lets time pass, and every answer of the log be taken in. */
  async pass(ms: number): Promise<void> {
    const endMs = this.clock.nowMs + ms;
    let reached = false;
    this.clock.schedule(ms, () => {
      reached = true;
    });
    await turns();
    while (!reached) {
      this.clock.step();
      await turns();
    }
    this.clock.nowMs = endMs;
  }

  /** As `pass`, with a head every second, as a publisher that has nothing new would send it. */
  async passWithHeads(ms: number, through: () => number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      this.head(through());
      await this.pass(500);
    }
  }

  async answer(): Promise<void> {
    for (const answer of this.#waiting.splice(0)) answer();
    await turns();
  }

  async #read({ streamId, after, through }: RangeRequest): Promise<RangeResult> {
    this.reads.push(`${streamId}:${after}-${through === Number.MAX_SAFE_INTEGER ? "" : through}`);
    const result = this.#look(after, through);
    if (this.slow) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (result instanceof LogError) throw result;
    return result;
  }

  #look(after: number, through: number): RangeResult | LogError {
    if (this.state === "gone") return { kind: "gone" };
    if (this.state === "complete" && after + 1 >= this.logNext) return { kind: "gone", isComplete: true };
    if (this.state === "unavailable") return new LogError("log_unavailable", "no answer");
    if (after >= this.logNext) return { kind: "truncated", next: this.logNext };
    if (after + 1 < this.earliest) return { kind: "lost", through: this.earliest - 1, reason: "retention" };
    let end = Math.min(through, this.logNext - 1);
    if (this.unreadable.has(after + 1)) return new LogError("log_unreadable", "damaged");
    for (const offset of this.unreadable) if (offset > after) end = Math.min(end, offset - 1);
    return { kind: "read", publications: publications(after, end), through: end };
  }
}

export function rangeFrame(
  after: number,
  through: number,
  streamId = "s",
  omitted: readonly number[] = [],
): RangeFrame {
  const listed = publications(after, through).filter(({ offset }) => !omitted.includes(offset));
  return { kind: "range", publisher: "p", streamId, after, through, publications: listed, omitted };
}

function publications(after: number, through: number): Publication[] {
  const listed: Publication[] = [];
  for (let offset = after + 1; offset <= through; offset++) {
    listed.push({ offset, timestampMs: 0, channel: "c", envelope: ENVELOPE });
  }
  return listed;
}

const ENVELOPE = new Uint8Array(100);

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await undefined;
}

/** Follows one stream, `s`, from its beginning. */
export function followed(options: AssemblerFixtureOptions = {}): AssemblerFixture {
  const fixture = new AssemblerFixture(options);
  void fixture.assembler.open("s", 0);
  return fixture;
}
