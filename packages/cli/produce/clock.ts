import type { Clock } from "./play.ts";

/** Timers count in 31 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const REAL_CLOCK: Clock = {
  nowMs: () => performance.now(),
  async waitUntil(timeMs, signal) {
    for (
      let leftMs = timeMs - performance.now();
      leftMs > 0 && !signal.aborted;
      leftMs = timeMs - performance.now()
    ) {
      await pause(Math.min(leftMs, TIMER_MS_MAX), signal);
    }
  },
};

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
