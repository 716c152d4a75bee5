import { type SeenInstance, SILENT_MS } from "../cluster/clusterView.ts";

interface Look {
  readonly atMs: number;
  readonly connections: number;
}

/**
 * Clients of the whole cluster. The clients of an instance that was killed are on others, and announced there, seconds before
 * anybody can know that it is dead: added up as announced they would be there twice. So the sum does not rise above what it
 * was when the one was last heard of that has been quiet for longest, until that one has spoken again or counts as silent.
 * It falls at once.
 */
export class ConnectionsSum {
  /** Oldest first: from the last one before which all have spoken. */
  #looks: Look[] = [];

  /** To be called with those that are not silent, again and again. */
  take(instances: readonly SeenInstance[], atMs: number): number {
    const connections = instances.reduce((sum, instance) => sum + instance.connections, 0);
    // Of itself an instance knows that it lives.
    const others = instances.filter(({ isSelf }) => !isSelf);
    const allHeardMs = atMs - Math.max(0, ...others.map(({ ageMs }) => ageMs));
    const looks = this.#looks.filter((look) => look.atMs <= atMs && look.atMs > atMs - LOOKS_MS);
    looks.push({ atMs, connections });
    const first = looks.findLastIndex((look) => look.atMs <= allHeardMs);
    this.#looks = looks.slice(Math.max(0, first));
    return Math.min(...this.#looks.map((look) => look.connections));
  }
}

/** Nobody who counts has been quiet for longer; the look before that may have been a while before. */
const LOOKS_MS = 2 * SILENT_MS;
