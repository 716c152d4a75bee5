import type { BusState } from "./bus.ts";
import { crash } from "./crash.ts";

/** Who wants to know how a bus is. */
export class StateListeners {
  readonly #listeners = new Set<(state: BusState) => void>();

  /** Returns what removes it again. */
  add(listener: (state: BusState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(state: BusState): void {
    for (const listener of this.#listeners) {
      try {
        listener(state);
      } catch (error) {
        // It would count as a fault of the connection otherwise.
        crash(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
