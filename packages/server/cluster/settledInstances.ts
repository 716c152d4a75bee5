import { type SeenInstance, SILENT_MS } from "./clusterView.ts";

interface Look {
  readonly atMs: number;
  readonly instances: readonly SeenInstance[];
}

/**
 * Instances as they are to be added up. The clients of one that was killed are on others, and with them its deliveries, its
 * partitions and the work for all that; the others announce it seconds before anybody can know that the one is dead, and added
 * up as announced it would be there twice. So all are told as they were when each of them has spoken since: in a cluster that is
 * well 2 to 4 s ago, and without a peak cut off. While one is quiet that time stands still, until looks without it have settled.
 */
export class SettledInstances {
  /** Oldest first: from the last one that has settled. */
  #looks: Look[] = [];

  /** To be called with all that are there, at least as often as they announce themselves. Silent ones do not count. */
  take(all: readonly SeenInstance[], atMs: number): readonly SeenInstance[] {
    // Of itself an instance knows that it lives.
    const heardMs = new Map(all.map(({ boot, isSelf, ageMs }) => [boot, isSelf ? atMs : atMs - ageMs]));
    const isSettled = (look: Look) =>
      look.instances.every(({ boot }) => look.atMs <= (heardMs.get(boot) ?? atMs));
    const now: Look = { atMs, instances: all.filter(({ isSilent }) => !isSilent) };
    const looks = this.#looks.filter((look) => look.atMs < atMs && look.atMs > atMs - LOOKS_MS);
    const lastMs = looks.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
    if (atMs - lastMs >= BETWEEN_MS || isSettled(now)) looks.push(now);
    this.#looks = looks.slice(Math.max(0, looks.findLastIndex(isSettled)));
    // Who has said goodbye is gone at once.
    return (this.#looks[0] ?? now).instances.filter(({ boot }) => heardMs.has(boot));
  }
}

/** One counts for so long that has fallen silent, and a look without it may settle so much later. */
const LOOKS_MS = 3 * SILENT_MS;
/** Looks that follow one another faster are not kept: how many there are is for whoever asks to say. */
const BETWEEN_MS = 200;
