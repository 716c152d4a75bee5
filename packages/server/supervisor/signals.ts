/** One Ctrl-C comes several times: from the terminal to every process, and passed on by npm and the launcher. */
const SAME_REQUEST_MS = 500;

export interface SignalHandlers {
  /** Asked to end by SIGTERM or SIGINT. */
  readonly end: (signal: NodeJS.Signals) => void;
  /** Asked again. */
  readonly endAtOnce: (signal: NodeJS.Signals) => void;
  /** Asked by SIGHUP. Without it that ends the process, as a terminal that is closed means it. */
  readonly reload: (() => void) | undefined;
}

/** Hears what people and service managers ask of this process. Returns what ends that. */
export function listenToSignals({ end, endAtOnce, reload }: SignalHandlers): () => void {
  let askedMs = Number.NEGATIVE_INFINITY;
  const onEnd = (signal: NodeJS.Signals) => {
    if (performance.now() - askedMs < SAME_REQUEST_MS) return;
    if (Number.isFinite(askedMs)) {
      endAtOnce(signal);
      return;
    }
    askedMs = performance.now();
    end(signal);
  };
  process.on("SIGTERM", onEnd).on("SIGINT", onEnd);
  if (reload !== undefined) process.on("SIGHUP", reload);
  return () => {
    process.off("SIGTERM", onEnd).off("SIGINT", onEnd);
    if (reload !== undefined) process.off("SIGHUP", reload);
  };
}
