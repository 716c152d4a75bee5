/**
 * Offsets that stand for two records: a log that has lost its end has written, or will write, others there. Nobody can
 * say which of them a client has seen whose position lies among them, so nothing recovers from such a position.
 */
export class RewrittenOffsets {
  readonly #ranges = new Map<string, { readonly from: number; readonly next: number }>();

  /** The log has lost [from, next), as far as anybody here has seen. */
  add(streamId: string, from: number, next: number): void {
    const known = this.#ranges.get(streamId);
    this.#ranges.set(streamId, {
      from: Math.min(from, known?.from ?? from),
      next: Math.max(next, known?.next ?? next),
    });
  }

  forget(streamId: string): void {
    this.#ranges.delete(streamId);
  }

  /** Whether `next`, the offset that somebody needs next, says no longer what they have seen. */
  makesUncertain(streamId: string, next: number): boolean {
    const range = this.#ranges.get(streamId);
    return range !== undefined && next > range.from && next <= range.next;
  }
}
