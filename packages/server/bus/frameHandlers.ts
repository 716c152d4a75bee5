/** Who wants the frames that a bus brings. */
export class FrameHandlers {
  readonly #handlers = new Set<(frame: Uint8Array) => void>();

  get size(): number {
    return this.#handlers.size;
  }

  /** Returns what removes it again: true the first time. One function may be added twice. */
  add(onFrame: (frame: Uint8Array) => void): () => boolean {
    const handler = (frame: Uint8Array): void => onFrame(frame);
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** The bytes are the handler's, so each further handler gets a copy of its own, made before the first may write. */
  deliver(frame: Uint8Array): void {
    let isFirst = true;
    const copies = [...this.#handlers].map((handler) => {
      const bytes = isFirst ? frame : new Uint8Array(frame);
      isFirst = false;
      return { handler, bytes };
    });
    for (const { handler, bytes } of copies) if (this.#handlers.has(handler)) handler(bytes);
  }

  clear(): void {
    this.#handlers.clear();
  }
}
