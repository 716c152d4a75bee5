import type { Pace } from "./pace.ts";
import type { TopicRecord } from "./record.ts";

export interface Clock {
  nowMs(): number;
  /** Resolves at that time, or when the signal is aborted. */
  waitUntil(timeMs: number, signal: AbortSignal): Promise<void>;
}

export interface Player {
  /** Reads the file from its beginning. */
  readonly open: () => AsyncIterable<TopicRecord>;
  readonly pace: Pace;
  readonly send: (records: readonly TopicRecord[]) => Promise<void>;
  readonly clock: Clock;
  readonly loop: boolean;
  /** Records to send before it ends. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** What one request to the producer may hold: enough for throughput, little enough to stay a moment's work. */
const BATCH_RECORDS_MAX = 1000;
const BATCH_CHARACTERS_MAX = 2 ** 19;

/**
 * Sends records when they are due, in order, one batch at a time: while one is on its way, what falls due is
 * gathered for the next, so that a slow broker makes batches larger and never the memory. Resolves with the number of
 * records sent, at the end, the limit or the signal.
 */
export async function play(player: Player): Promise<number> {
  const { open, pace, send, clock, loop, limit, signal } = player;
  const startMs = clock.nowMs();
  const batch = new Batch(send);
  do {
    const before = batch.taken;
    for await (const record of open()) {
      if (signal.aborted || batch.taken >= limit) break;
      const dueMs = startMs + pace.dueMs(record.timestampMs);
      if (dueMs > clock.nowMs()) {
        await batch.flush();
        await clock.waitUntil(dueMs, signal);
        if (signal.aborted) break;
      }
      await batch.add(record);
    }
    await batch.flush();
    // An empty file would be read again for ever.
    if (batch.taken === before) break;
    pace.again();
  } while (loop && batch.taken < limit && !signal.aborted);
  return batch.taken;
}

class Batch {
  taken = 0;
  readonly #send: Player["send"];
  #records: TopicRecord[] = [];
  #characters = 0;

  constructor(send: Player["send"]) {
    this.#send = send;
  }

  async add(record: TopicRecord): Promise<void> {
    this.taken++;
    this.#records.push(record);
    this.#characters += record.value.length;
    if (this.#records.length >= BATCH_RECORDS_MAX || this.#characters >= BATCH_CHARACTERS_MAX)
      await this.flush();
  }

  async flush(): Promise<void> {
    const records = this.#records;
    if (records.length === 0) return;
    this.#records = [];
    this.#characters = 0;
    await this.#send(records);
  }
}
