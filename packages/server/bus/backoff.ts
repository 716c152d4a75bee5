export interface BackoffLimits {
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

/**
 * How long to wait before try number `attempt` + 1, in ms: doubled each time up to a limit, and of that between half
 * and all by chance, so that many who lost the same server do not come back in the same moment.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: () => number): number {
  const full = Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** Math.min(attempt, 30));
  return full * (0.5 + random() / 2);
}
