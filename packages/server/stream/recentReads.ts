import type { RangeResult } from "../log/log.ts";

type Read = Extract<RangeResult, { kind: "read" }>;

interface RecentRead {
  readonly result: Read;
  readonly bytes: number;
  /** It holds as much as one read may: what comes after that is another read's. */
  readonly isFull: boolean;
  readonly untilMs: number;
}

/** A crowd that comes back takes some seconds to be served. */
const KEEP_MS = 5_000;
const BYTES_MAX = 16 * 2 ** 20;
/** What a publication takes beside its bytes. */
const PUBLICATION_BYTES = 150;

/**
 * What the log has lately answered, by where it was read from: clients that lost their connections together come back within
 * some seconds and not within one read. What is in a log stays as it is, so that nothing here can be out of date; a stream whose log is
 * cut back is found out by who asks. Bounded in bytes and time; the oldest goes first.
 */
export class RecentReads {
  readonly #now: () => number;
  readonly #reads = new Map<string, RecentRead>();
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A read from exactly there that reaches so far, or as far as one read goes. */
  find(streamId: string, after: number, through: number): Read | undefined {
    const known = this.#reads.get(keyOf(streamId, after));
    if (known === undefined || known.untilMs < this.#now()) return undefined;
    return known.isFull || known.result.through >= through ? known.result : undefined;
  }

  keep(streamId: string, after: number, bytesMax: number, result: RangeResult): void {
    if (result.kind !== "read" || result.through <= after) return;
    const payload = result.publications.reduce((sum, { envelope }) => sum + envelope.length, 0);
    const bytes = payload + result.publications.length * PUBLICATION_BYTES;
    const key = keyOf(streamId, after);
    this.#forget(key);
    if (bytes > BYTES_MAX) return;
    this.#reads.set(key, { result, bytes, isFull: payload * 2 > bytesMax, untilMs: this.#now() + KEEP_MS });
    this.#bytes += bytes;
    for (const oldest of this.#reads.keys()) {
      if (this.#bytes <= BYTES_MAX) break;
      this.#forget(oldest);
    }
    this.#timer ??= setTimeout(() => this.#expire(), KEEP_MS).unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#now();
    for (const [key, { untilMs }] of this.#reads) if (untilMs <= nowMs) this.#forget(key);
    if (this.#reads.size > 0) this.#timer = setTimeout(() => this.#expire(), KEEP_MS).unref();
  }

  #forget(key: string): void {
    this.#bytes -= this.#reads.get(key)?.bytes ?? 0;
    this.#reads.delete(key);
  }
}

function keyOf(streamId: string, after: number): string {
  return `${streamId}:${after}`;
}
