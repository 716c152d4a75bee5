import type { RangeRequest, RangeResult, StreamLog } from "../log/log.ts";
import { RecentReads } from "./recentReads.ts";
import { SharedReads } from "./sharedReads.ts";

/** Offsets from one shared step to the next. */
const STEP = 128;
const ENDS_MAX = 1_024;

/**
 * Lets reads that begin near to one another be one: clients that come back after the same outage have missed nearly the
 * same, and each a little less or more. Ranges are widened to steps of offsets, read once, and cut to what was asked
 * for, and what was read answers who comes a little later. Where one read has ended the next ones of its readers begin, so those are the same without being widened.
 */
export class NearbyReads implements Pick<StreamLog, "read"> {
  readonly #reads: SharedReads;
  readonly #recent = new RecentReads();
  #answered = 0;
  /** Where recent reads ended, oldest first. */
  readonly #ends = new Set<string>();

  constructor(log: Pick<StreamLog, "read">) {
    this.#reads = new SharedReads(log);
  }

  /** Reads that were answered by another's. */
  get shared(): number {
    return this.#reads.shared + this.#answered;
  }

  /** Of what was read lately, kept for others. */
  get keptBytes(): number {
    return this.#recent.bytes;
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    const after = this.#begin(request);
    const through = Math.ceil((request.through + 1) / STEP) * STEP - 1;
    const wide = await this.#readOnce({ ...request, after, through }, request.through);
    if (after < request.after && !reaches(wide, request.after)) {
      // What lies before took all of the read, or is not to be had: that is nobody's business here.
      return this.#cut(request, await this.#readOnce({ ...request, through }, request.through));
    }
    return this.#cut(request, wide);
  }

  /** `needed`: how far an earlier read has to reach to do as well. */
  async #readOnce(request: RangeRequest, needed: number): Promise<RangeResult> {
    const { streamId, after, bytesMax } = request;
    const recent = this.#recent.find(streamId, after, needed);
    if (recent !== undefined) {
      this.#answered += 1;
      return recent;
    }
    const result = await this.#reads.read(request);
    this.#recent.keep(streamId, after, bytesMax, result);
    return result;
  }

  #begin({ streamId, after }: RangeRequest): number {
    if (this.#ends.has(endOf(streamId, after))) return after;
    return Math.floor((after + 1) / STEP) * STEP - 1;
  }

  #cut({ streamId, after, through }: RangeRequest, result: RangeResult): RangeResult {
    if (result.kind === "lost") return { ...result, through: Math.min(result.through, through) };
    if (result.kind !== "read") return result;
    this.#ends.add(endOf(streamId, result.through));
    for (const oldest of this.#ends) {
      if (this.#ends.size <= ENDS_MAX) break;
      this.#ends.delete(oldest);
    }
    return {
      kind: "read",
      publications: result.publications.filter(({ offset }) => offset > after && offset <= through),
      through: Math.min(result.through, through),
    };
  }
}

function reaches(result: RangeResult, after: number): boolean {
  return result.kind === "gone" || (result.kind === "read" && result.through > after);
}

function endOf(streamId: string, through: number): string {
  return `${streamId}:${through}`;
}
