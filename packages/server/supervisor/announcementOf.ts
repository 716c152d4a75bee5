import { type Announcement, agreedSettings } from "../cluster/announcement.ts";
import type { Config } from "../config/shape.ts";
import type { HealthReport } from "../health.ts";
import { VERSION } from "../version.ts";
import { instanceVitals } from "../vitals/instanceVitals.ts";
import type { ShardStats } from "./ipc.ts";

export interface AnnouncedInstance {
  readonly config: Config;
  readonly boot: string;
  readonly startedMs: number;
  readonly isLeaving: boolean;
  /** As it was judged last. */
  readonly health: HealthReport | undefined;
  /** Of each shard; undefined for one that is not ready. */
  readonly stats: ReadonlyArray<ShardStats | undefined>;
  readonly rates: Pick<Announcement, "publicationsPerSecond" | "deliveriesPerSecond">;
}

/** What an instance tells the others of itself. */
export function announcementOf(announced: AnnouncedInstance): Announcement {
  const { config, boot, startedMs, isLeaving, health, stats, rates } = announced;
  const { instance, gateway } = config;
  const sum = (of: (shard: ShardStats) => number) =>
    stats.reduce((total, shard) => total + (shard === undefined ? 0 : of(shard)), 0);
  return {
    ...{ v: 1, boot, id: instance.id, region: instance.region, role: instance.role },
    ...{ version: VERSION, sentMs: Date.now(), startedMs, isLeaving },
    status: health?.status ?? "unhealthy",
    ailing: Object.entries(health?.checks ?? {}).flatMap(([name, { status }]) =>
      status === "ok" ? [] : [name],
    ),
    shards: instance.shards,
    shardsReady: stats.filter((shard) => shard !== undefined).length,
    connections: sum(({ connections }) => connections),
    connectionsMax: instance.role === "ingest" ? 0 : gateway.connectionsMax,
    ...rates,
    cpuShare: sum(({ cpuShare }) => cpuShare),
    rssBytes: sum(({ rssBytes }) => rssBytes),
    settings: agreedSettings(config),
    ...(health !== undefined && { vitals: instanceVitals(health, stats) }),
  };
}
