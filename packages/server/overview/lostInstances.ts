import { GONE_MS, type SeenInstance } from "../cluster/clusterView.ts";
import type { LostInstance } from "./shape.ts";

/** Kept at most; a cluster that loses more at once has lost its bus. */
const LOST_MAX = 100;

/**
 * Instances that fell silent and never said goodbye. The view forgets those as it forgets the ones that left in order;
 * what tells them apart is how long they had been silent when they vanished.
 */
export class LostInstances {
  readonly #keptMs: number;
  #seen = new Map<string, SeenInstance>();
  #lookedMs = 0;
  readonly #lost = new Map<string, LostInstance>();

  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  /** To be called with everybody that the view has, several times within `GONE_MS`. */
  look(instances: readonly SeenInstance[], nowMs: number): void {
    const seen = new Map(instances.map((instance) => [instance.boot, instance]));
    for (const [boot, { id, region, connections, ageMs }] of this.#seen) {
      // Whoever leaves in order was heard of in the moment before.
      if (seen.has(boot) || ageMs < GONE_MS / 2 || this.#lost.size >= LOST_MAX) continue;
      this.#lost.set(id, { id, region, connections, lastHeardMs: this.#lookedMs - ageMs });
    }
    for (const { id } of instances) this.#lost.delete(id);
    for (const [id, { lastHeardMs }] of this.#lost)
      if (nowMs - lastHeardMs > this.#keptMs) this.#lost.delete(id);
    this.#seen = seen;
    this.#lookedMs = nowMs;
  }

  get all(): readonly LostInstance[] {
    return [...this.#lost.values()];
  }
}
