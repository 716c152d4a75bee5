import type { Logger } from "pino";
import { counter, type Figure, gauge } from "../admin/figure.ts";
import type { ReconnectableBus } from "../bus/bus.ts";
import { ProbedBus } from "../bus/probed.ts";
import { type Announcement, decodeAnnouncement, encodeAnnouncement } from "./announcement.ts";
import { ClusterTotals, type Totals } from "./clusterTotals.ts";
import { type ClusterProblem, ClusterView, type SeenInstance } from "./clusterView.ts";

export interface ClusterMemberOptions {
  /** Carries announcements and nothing else. undefined with the local bus: the instance is alone. */
  readonly bus: ReconnectableBus | undefined;
  readonly boot: string;
  readonly logger: Logger;
  /** What this instance has to tell now. */
  readonly describe: (isLeaving: boolean) => Announcement;
}

export interface ClusterDescription {
  readonly instances: readonly SeenInstance[];
  readonly problems: readonly ClusterProblem[];
  /** State of the bus between the instances; `none` where the instance is alone. */
  readonly bus: string;
  readonly totals: Totals;
}

const ANNOUNCE_MS = 2000;
const LEAVE_MS_MAX = 500;

/** One instance's part in the cluster: it announces itself over the bus, and knows the others. */
export class ClusterMember {
  readonly #options: ClusterMemberOptions;
  readonly #bus: ProbedBus | undefined;
  readonly #view: ClusterView;
  readonly #totals = new ClusterTotals();
  #announcing: Timer | undefined;
  /** Messages of the problems that were logged, so that each is logged when it begins and not every other second. */
  #logged = new Set<string>();
  #malformed = 0;
  #unannounced = 0;

  constructor(options: ClusterMemberOptions) {
    this.#options = options;
    this.#view = new ClusterView(options.boot);
    if (options.bus === undefined) return;
    this.#bus = new ProbedBus({
      bus: options.bus,
      onStale: (reason) => options.logger.warn(`cluster: ${reason}: connecting anew`),
    });
  }

  /** `none` where there is no bus between instances. */
  get busState(): string {
    return this.#bus?.state ?? "none";
  }

  get problems(): ClusterProblem[] {
    return this.#view.problems(performance.now());
  }

  get figures(): readonly Figure[] {
    return [
      gauge(
        "cluster_instances",
        "Instances that announce themselves, this one included.",
        () => this.#view.instances(performance.now()).length,
      ),
      gauge(
        "cluster_problems",
        "What instances contradict each other in, by kind.",
        () => countByKind(this.problems),
        "kind",
      ),
      counter(
        "cluster_announcements_malformed",
        "Announcements that were none: somebody else publishes there, or a version that is not known.",
        () => this.#malformed,
      ),
      counter(
        "cluster_announcements_failed",
        "Announcements of this instance that the bus did not take.",
        () => this.#unannounced,
      ),
    ];
  }

  start(): void {
    // It connects by itself, for as long as that takes: an instance serves its clients also where nobody hears of it.
    this.#bus
      ?.subscribe((bytes) => this.#heard(bytes))
      .catch((error: unknown) => {
        this.#options.logger.debug({ err: error }, "cluster: ended before it had connected");
      });
    this.announce();
    this.#announcing = setInterval(() => this.announce(), ANNOUNCE_MS);
  }

  get instances(): readonly SeenInstance[] {
    return this.#view.instances(performance.now());
  }

  describe(): ClusterDescription {
    const { instances, problems, busState: bus } = this;
    return { instances, problems, bus, totals: this.#totals.take(instances, performance.now()) };
  }

  /** Says goodbye, as far as the bus takes it at once. */
  async close(): Promise<void> {
    clearInterval(this.#announcing);
    const bus = this.#bus;
    if (bus === undefined) return;
    const leaving = bus.publish(encodeAnnouncement(this.#options.describe(true))).catch(() => {
      // Without it the others see this instance gone some seconds later.
    });
    await Promise.race([leaving, Bun.sleep(LEAVE_MS_MAX)]);
    await bus.close();
  }

  /** Also between times, where the others are to hear of something at once. */
  announce(): void {
    const announcement = this.#options.describe(false);
    // Known without the bus, so that an instance that is cut off still sees itself.
    this.#view.take(announcement, performance.now(), announcement.sentMs);
    this.#bus?.publish(encodeAnnouncement(announcement)).catch(() => {
      this.#unannounced += 1;
    });
    this.#logProblems();
    this.#totals.take(this.instances, performance.now());
  }

  #heard(bytes: Uint8Array): void {
    const announcement = decodeAnnouncement(bytes);
    if (announcement === undefined) this.#malformed += 1;
    else if (announcement.boot !== this.#options.boot) {
      this.#view.take(announcement, performance.now(), Date.now());
    }
  }

  #logProblems(): void {
    const { logger } = this.#options;
    const problems = this.problems;
    for (const { kind, message } of problems) {
      if (!this.#logged.has(message)) logger.error({ kind }, `cluster: ${message}`);
    }
    this.#logged = new Set(problems.map(({ message }) => message));
  }
}

function countByKind(problems: readonly ClusterProblem[]): Record<string, number> {
  const counts: Record<string, number> = {
    duplicate_id: 0,
    settings_differ: 0,
    clock_differs: 0,
    too_many: 0,
  };
  for (const { kind } of problems) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
