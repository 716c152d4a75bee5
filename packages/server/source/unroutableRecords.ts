import type { SourceRecord } from "../publication.ts";
import type { Unroutable, UnroutableReason } from "./route.ts";

export interface WarningLog {
  warn(fields: object, message: string): void;
}

/** One poisoned topic must not fill the disk: of each reason one record is logged in this time, with a count. */
const SAMPLE_INTERVAL_MS = 10_000;

/** Counts the records that no channel could be made for, and logs a sample of them. */
export class UnroutableRecords {
  readonly #log: WarningLog;
  readonly #now: () => number;
  readonly #reasons = new Map<UnroutableReason, { count: number; logged: number; loggedAtMs: number }>();

  constructor(log: WarningLog, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Records by reason since the start. */
  get counts(): ReadonlyMap<UnroutableReason, number> {
    return new Map([...this.#reasons].map(([reason, seen]) => [reason, seen.count]));
  }

  add(record: SourceRecord, { unroutable, detail }: Unroutable): void {
    const nowMs = this.#now();
    let seen = this.#reasons.get(unroutable);
    if (seen === undefined) {
      seen = { count: 0, logged: 0, loggedAtMs: Number.NEGATIVE_INFINITY };
      this.#reasons.set(unroutable, seen);
    }
    seen.count++;
    if (nowMs - seen.loggedAtMs < SAMPLE_INTERVAL_MS) return;
    const { topic, partition, offset } = record;
    const count = seen.count - seen.logged;
    this.#log.warn(
      { reason: unroutable, detail, topic, partition, offset, count },
      "a record has no channel and is left out",
    );
    seen.logged = seen.count;
    seen.loggedAtMs = nowMs;
  }
}
