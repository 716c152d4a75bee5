/**
 * Whether the platform says that there is no network, as browsers do; others never say so. A server on this machine is
 * there all the same.
 */
export function isOffline(url: string): boolean {
  return globalThis.navigator?.onLine === false && !/\/\/(localhost|127[.\d]+|\[::1])[:/]/.test(url);
}

/** Calls back when a browser has its network again, or its page is looked at again, until the signal aborts. */
export function onWake(listener: () => void, signal: AbortSignal): void {
  // Node has neither, and workers have no document.
  globalThis.addEventListener?.("online", listener, { signal });
  globalThis.document?.addEventListener("visibilitychange", () => document.hidden || listener(), { signal });
}
