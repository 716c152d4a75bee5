/** Time and chance, injected so that tests can have their own. */
export interface Timing {
  /** Calls once after `delayMs`; returns what cancels it. */
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
  /** In ms, of any origin; never goes back. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export const SYSTEM_TIMING: Timing = {
  schedule: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
  random: Math.random,
};
