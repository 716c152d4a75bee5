/** Ends the process by what a handler threw, where whoever called that would hide it: it is a defect. */
export function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
