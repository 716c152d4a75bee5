import type { Timing } from "../bus/timing.ts";

/** Settles as the promise does, or rejects with the signal's reason when that is aborted first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(signal.reason);
    if (signal.aborted) abandon();
    signal.addEventListener("abort", abandon, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abandon));
  });
}

/** Resolves after `delayMs`, or rejects with the signal's reason when that is aborted first. */
export function pause(delayMs: number, timing: Timing, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abandon = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = timing.schedule(delayMs, () => {
      signal.removeEventListener("abort", abandon);
      resolve();
    });
    signal.addEventListener("abort", abandon, { once: true });
  });
}
