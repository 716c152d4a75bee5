/** When each record is due, in ms after the start. Asked once for each record, in their order. */
export interface Pace {
  dueMs(timestampMs: number | undefined): number;
  /** The file begins again. */
  again(): void;
}

/** As fast as it goes. */
export function unpaced(): Pace {
  return { dueMs: () => 0, again: () => undefined };
}

export function atRate(recordsPerSecond: number): Pace {
  let count = 0;
  return { dueMs: () => (count++ * 1000) / recordsPerSecond, again: () => undefined };
}

/**
 * As it was recorded, `speed` times as fast. A record that was recorded before its predecessor is due at once: order
 * goes before time.
 */
export function inRecordedTime(speed: number): Pace {
  let lastDueMs = 0;
  let round = { startMs: 0, firstTimestampMs: undefined as number | undefined };
  return {
    dueMs(timestampMs) {
      if (timestampMs === undefined) return lastDueMs;
      const firstTimestampMs = round.firstTimestampMs ?? timestampMs;
      round = { ...round, firstTimestampMs };
      lastDueMs = Math.max(lastDueMs, round.startMs + (timestampMs - firstTimestampMs) / speed);
      return lastDueMs;
    },
    again() {
      round = { startMs: lastDueMs, firstTimestampMs: undefined };
    },
  };
}
