/** Labels of one map: what a server invents beyond it counts as `other`. */
const REASONS_MAX = 32;

/** Clients that a server asked to come back later, such as one that drains. They stay and receive until it is time. */
export class Departures {
  /** Notices by their reason. */
  readonly moves: Record<string, number> = {};
  readonly #dueMs = new Map<number, number>();
  readonly #leave: (client: number) => void;

  /** `leave` is called when a client's time has come and it is still connected. */
  constructor(leave: (client: number) => void) {
    this.#leave = leave;
  }

  notice(client: number, afterMs: number, reason: string): void {
    const label = reason in this.moves || Object.keys(this.moves).length < REASONS_MAX ? reason : "other";
    this.moves[label] = (this.moves[label] ?? 0) + 1;
    const dueMs = performance.now() + afterMs;
    this.#dueMs.set(client, dueMs);
    setTimeout(() => {
      if (this.#dueMs.get(client) === dueMs && this.#dueMs.delete(client)) this.#leave(client);
    }, afterMs);
  }

  /** The connection has ended by itself. Returns how long the client stays away as it was told; undefined: it was told nothing. */
  ended(client: number): number | undefined {
    const dueMs = this.#dueMs.get(client);
    if (dueMs === undefined) return undefined;
    this.#dueMs.delete(client);
    return Math.max(0, dueMs - performance.now());
  }
}
