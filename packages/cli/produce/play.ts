import type { Pace } from "./pace.ts";
import type { TopicRecord } from "./record.ts";
import { Sender } from "./sender.ts";

export interface Clock {
  nowMs(): number;
  /** Resolves at that time, at once where it has passed, or when the signal is aborted. */
  waitUntil(timeMs: number, signal: AbortSignal): Promise<void>;
}

export interface Player {
  /** Reads the file from its beginning. May end, or throw, early when the signal is aborted. */
  readonly open: () => AsyncIterable<TopicRecord>;
  readonly pace: Pace;
  readonly send: (records: readonly TopicRecord[]) => Promise<void>;
  readonly clock: Clock;
  readonly loop: boolean;
  /** Records to send before it ends. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/**
 * Sends records when they are due, in their order. Resolves with the number of records sent, at the end, the limit or
 * the signal. Where reading or sending fails, what was read before is sent first, as far as that goes.
 */
export async function play(player: Player): Promise<number> {
  const { open, loop, limit, pace } = player;
  // Waits end with the signal, and as soon as sending fails.
  const ending = new AbortController();
  const signal = AbortSignal.any([player.signal, ending.signal]);
  const sender = new Sender(player.send, () => ending.abort());
  const startMs = player.clock.nowMs();
  let taken = 0;
  try {
    for (let isFirst = true; isFirst || loop; isFirst = false) {
      const before = taken;
      if (!isFirst) pace.again();
      for await (const record of open()) {
        if (taken < limit) await player.clock.waitUntil(startMs + pace.dueMs(record.timestampMs), signal);
        if (signal.aborted || taken >= limit) break;
        await sender.add(record);
        taken++;
      }
      // An empty file would be read again for ever.
      if (taken === before || taken >= limit || signal.aborted) break;
    }
  } catch (error) {
    // A source that cannot be waited for in any other way ends with an error when the signal says so.
    if (!player.signal.aborted) throw error;
  } finally {
    await sender.drain();
  }
  return taken;
}
