import type { Announcement } from "./announcement.ts";

/** An instance as the others see it. */
export interface SeenInstance extends Announcement {
  /** Since its last announcement. */
  readonly ageMs: number;
  /** It hangs, is dead, or the bus does not carry its word: what it last said of its clients is not so any more. */
  readonly isSilent: boolean;
  readonly isSelf: boolean;
}

export type ClusterProblemKind = "duplicate_id" | "settings_differ" | "clock_differs" | "too_many";

export interface ClusterProblem {
  readonly kind: ClusterProblemKind;
  /** Ids of the instances concerned. */
  readonly instances: readonly string[];
  readonly message: string;
}

/** Announcements come every 2 s: two were missed. */
export const SILENT_MS = 5000;
/** An instance that was not heard of for this long is gone. */
export const GONE_MS = 10_000;
/** Instances that one view holds: far beyond what one bus can serve. */
const INSTANCES_MAX = 1000;
/** Clocks that differ by more than this make timestamps and ages misleading. */
const CLOCK_MS_MAX = 2000;
/** So many announcements tell of a clock: the quickest of them was under way for the shortest time. */
const CLOCKS_KEPT = 5;

interface Entry {
  announcement: Announcement;
  heardMs: number;
  /** The sender's clock less ours less the time under way, in ms, by each of the last announcements. */
  readonly clocksMs: number[];
}

/** What one instance knows of its cluster, from announcements alone. Pure: time is handed in. */
export class ClusterView {
  readonly #self: string;
  /** By boot. */
  readonly #entries = new Map<string, Entry>();
  /** Boots that were replaced by a newer one of the same id, which is what a restart looks like. */
  readonly #superseded = new Map<string, number>();
  #refused = false;

  /** `self` is the boot of the instance that looks. */
  constructor(self: string) {
    this.#self = self;
  }

  /** `nowMs` is of a clock that never goes back, `wallMs` in ms since 1970. */
  take(announcement: Announcement, nowMs: number, wallMs: number): void {
    const { boot, id } = announcement;
    this.#forgetGone(nowMs);
    const known = this.#entries.get(boot);
    if (announcement.isLeaving) {
      this.#entries.delete(boot);
      return;
    }
    if (known === undefined && this.#entries.size >= INSTANCES_MAX) {
      this.#refused = true;
      return;
    }
    const clockMs = announcement.sentMs - wallMs;
    if (known !== undefined) {
      known.clocksMs.push(clockMs);
      if (known.clocksMs.length > CLOCKS_KEPT) known.clocksMs.shift();
      known.announcement = announcement;
      known.heardMs = nowMs;
      return;
    }
    for (const other of this.#entries.values()) {
      if (other.announcement.id === id) this.#superseded.set(other.announcement.boot, nowMs);
    }
    this.#entries.set(boot, { announcement, heardMs: nowMs, clocksMs: [clockMs] });
  }

  /** All that are there, by id; a boot that a newer one has replaced counts until it has been silent for long enough. */
  instances(nowMs: number): SeenInstance[] {
    this.#forgetGone(nowMs);
    return [...this.#entries.values()]
      .filter(({ announcement, heardMs }) => this.#isThere(announcement.boot, heardMs))
      .map(({ announcement, heardMs }) => ({
        ...announcement,
        ageMs: Math.round(nowMs - heardMs),
        isSilent: nowMs - heardMs > SILENT_MS,
        isSelf: announcement.boot === this.#self,
      }))
      .sort((a, b) => (a.id < b.id || (a.id === b.id && a.boot < b.boot) ? -1 : 1));
  }

  problems(nowMs: number): ClusterProblem[] {
    const instances = this.instances(nowMs);
    return [
      ...duplicates(instances),
      ...differences(instances),
      ...this.#clocks(instances),
      ...(this.#refused ? [TOO_MANY] : []),
    ];
  }

  /** Replaced, and not heard of since: that was a restart. Heard of since: both are running. */
  #isThere(boot: string, heardMs: number): boolean {
    const supersededMs = this.#superseded.get(boot);
    return supersededMs === undefined || heardMs > supersededMs;
  }

  #clocks(instances: readonly SeenInstance[]): ClusterProblem[] {
    return instances.flatMap(({ id, boot }) => {
      const clockMs = Math.max(...(this.#entries.get(boot)?.clocksMs ?? [0]));
      if (Math.abs(clockMs) <= CLOCK_MS_MAX) return [];
      const message = `the clock of ${id} differs by ${(clockMs / 1000).toFixed(1)} s from this instance's: let NTP keep both`;
      return [{ kind: "clock_differs", instances: [id], message }];
    });
  }

  #forgetGone(nowMs: number): void {
    for (const [boot, { heardMs }] of this.#entries) {
      if (nowMs - heardMs <= GONE_MS) continue;
      this.#entries.delete(boot);
      this.#superseded.delete(boot);
      this.#refused = false;
    }
    for (const boot of this.#superseded.keys()) if (!this.#entries.has(boot)) this.#superseded.delete(boot);
  }
}

const TOO_MANY: ClusterProblem = {
  kind: "too_many",
  instances: [],
  message: `more than ${INSTANCES_MAX} instances announce themselves: the others are not shown`,
};

function duplicates(instances: readonly SeenInstance[]): ClusterProblem[] {
  const boots = new Map<string, number>();
  for (const { id } of instances) boots.set(id, (boots.get(id) ?? 0) + 1);
  return [...boots]
    .filter(([, count]) => count > 1)
    .map(([id, count]) => ({
      kind: "duplicate_id",
      instances: [id],
      message: `${count} instances call themselves ${id}: give each its own --instance`,
    }));
}

/** The value that most instances have is taken for the one that was meant. */
function differences(instances: readonly SeenInstance[]): ClusterProblem[] {
  const settings = new Set(instances.flatMap((instance) => Object.keys(instance.settings)));
  return [...settings].flatMap((setting) => {
    const holders = new Map<string, string[]>();
    // A version that does not know the setting can not contradict it.
    for (const { id, settings: own } of instances) {
      const value = own[setting];
      if (value !== undefined) holders.set(value, [...(holders.get(value) ?? []), id]);
    }
    const [, ...others] = [...holders.values()].sort((a, b) => b.length - a.length);
    const ids = others.flat();
    if (ids.length === 0) return [];
    const message = `--${setting} of ${ids.join(", ")} is not what the others have: their clients see other messages`;
    return [{ kind: "settings_differ" as const, instances: ids, message }];
  });
}
