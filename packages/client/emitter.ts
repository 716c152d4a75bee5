export interface Emitter<Events> {
  /** Returns a function that removes the listener. Without one it does nothing. */
  on<Name extends keyof Events>(
    name: Name,
    listener: ((event: Events[Name]) => void) | undefined,
  ): () => void;
  /** Calls listeners in the order in which they were added. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void;
}

export function createEmitter<Events>(): Emitter<Events> {
  const listeners: { [Name in keyof Events]?: Set<((event: Events[Name]) => void) | undefined> } = {};
  return {
    on(name, listener) {
      const set = listeners[name] ?? new Set();
      listeners[name] = set.add(listener);
      return () => set.delete(listener);
    },
    emit(name, event) {
      for (const listener of listeners[name] ?? []) {
        try {
          if (listener) listener(event);
        } catch (error) {
          // A listener must not break the connection's work, and its error must not vanish either: it surfaces as an
          // uncaught one.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
