import type { ClusterDescription } from "../cluster/clusterMember.ts";
import type { SeenInstance } from "../cluster/clusterView.ts";
import type { HealthStatus } from "../health.ts";
import type { DrainAnswer } from "../supervisor/drain.ts";
import type { ChannelInfo } from "../supervisor/ipc.ts";
import type { RebalanceState } from "../supervisor/rebalancer.ts";
import { mostLagging } from "../vitals/shardVitals.ts";
import { COLUMNS } from "./columns.ts";
import { findingsOf } from "./findings.ts";
import { ClusterHistory, SAMPLE_MS, SAMPLES_MAX } from "./history.ts";
import { LostInstances } from "./lostInstances.ts";
import type { Finding, Overview, OverviewInstance, OverviewStream } from "./shape.ts";
import { TopChannels } from "./topChannels.ts";

export interface OverviewSources {
  readonly self: string;
  readonly version: string;
  readonly isDemo: boolean;
  readonly clients: () => Overview["clients"];
  readonly cluster: () => ClusterDescription;
  readonly balance: () => RebalanceState;
  readonly drain: () => DrainAnswer;
  readonly channels: () => Promise<{ readonly channels: readonly ChannelInfo[] }>;
}

/** Streams that one answer names. */
const STREAMS_TOLD_MAX = 200;

/** Joins what the instances tell of themselves into what the dashboard shows, and remembers a quarter of an hour of it. */
export class OverviewKeeper {
  readonly #sources: OverviewSources;
  readonly #history = new ClusterHistory();
  readonly #lost = new LostInstances(SAMPLE_MS * SAMPLES_MAX);
  readonly #channels: TopChannels;
  #sampling: Timer | undefined;

  constructor(sources: OverviewSources) {
    this.#sources = sources;
    this.#channels = new TopChannels(sources.channels);
  }

  start(): void {
    this.#sampling = setInterval(() => this.sample(Date.now()), SAMPLE_MS);
  }

  close(): void {
    clearInterval(this.#sampling);
  }

  sample(nowMs: number): void {
    const { instances } = this.#sources.cluster();
    this.#lost.look(instances, nowMs);
    this.#history.take(instances, nowMs);
  }

  /** The answer with the samples taken after that time, in ms since 1970. */
  async tell(afterMs: number): Promise<Overview> {
    const { self, version, isDemo, clients, cluster, balance, drain } = this.#sources;
    const channels = await this.#channels.now();
    const { instances, problems, bus } = cluster();
    const findings = findingsOf(instances, problems, this.#lost.all);
    return {
      ...{ nowMs: Date.now(), self, version, isDemo, clients: clients() },
      ...{ status: worstOf(findings), findings, bus, balance: balance(), drain: drain() },
      instances: instances.map(shown),
      lost: this.#lost.all,
      // Others have taken over the partitions of one that is silent, or are about to.
      streams: streamsOf(instances.filter(({ isSilent }) => !isSilent)),
      channels,
      history: {
        sampleMs: SAMPLE_MS,
        columns: COLUMNS,
        samples: this.#history.samplesAfter(afterMs),
      },
    };
  }
}

function worstOf(findings: readonly Finding[]): HealthStatus {
  if (findings.some(({ level }) => level === "unhealthy")) return "unhealthy";
  return findings.length > 0 ? "degraded" : "ok";
}

function shown({ vitals, shards, settings, v, sentMs, isLeaving, ...rest }: SeenInstance): OverviewInstance {
  const shownToo = { ...rest, shardsTotal: shards };
  if (vitals === undefined) return shownToo;
  const { streams, streamsTotal, ...own } = vitals;
  return { ...shownToo, vitals: own };
}

function streamsOf(instances: readonly SeenInstance[]): Overview["streams"] {
  const all: OverviewStream[] = instances.flatMap(({ id, vitals }) =>
    (vitals?.streams ?? []).map((stream) => ({ ...stream, instance: id })),
  );
  const total = instances.reduce((sum, { vitals }) => sum + (vitals?.streamsTotal ?? 0), 0);
  return { most: mostLagging(all, STREAMS_TOLD_MAX), total };
}
