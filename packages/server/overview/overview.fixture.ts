import { type ClusterProblem, ClusterView, type SeenInstance } from "../cluster/clusterView.ts";
import type { ChannelInfo } from "../supervisor/ipc.ts";
import type { InstanceVitals } from "../vitals/instanceVitals.ts";
import { COLUMNS } from "./columns.ts";
import { SAMPLE_MS, SAMPLES_MAX } from "./history.ts";
import { OverviewKeeper } from "./overview.ts";
import type { Overview } from "./shape.ts";

const QUIET = {
  balance: { isOn: false, state: "off", mean: 0, spreadPercent: 0, excess: 0 },
  drain: { phase: "none", clients: 0, leftMs: 0 },
} as const;

/** Of an instance that has nothing to tell. */
export const OVERVIEW: Overview = {
  ...{ nowMs: 0, self: "a", version: "0.1.0", isDemo: false, status: "ok", findings: [], bus: "none" },
  clients: { port: 3000, isEncrypted: false, takesTokens: false },
  ...QUIET,
  ...{ instances: [], lost: [], streams: { most: [], total: 0 }, channels: [] },
  history: { sampleMs: SAMPLE_MS, columns: COLUMNS, samples: [] },
};

export interface SyntheticOptions {
  readonly instances: number;
  /** Whether some of the instances are ill, one is lost, and two contradict each other. */
  readonly isIll: boolean;
  /** Of the public port that pages connect to. */
  readonly port?: number;
}

/**
 * The overview of a cluster that there is not: its instances announce themselves to a real view, and everything from
 * there on is what runs in an instance. A quarter of an hour has been sampled already.
 */
export function syntheticOverview(options: SyntheticOptions): OverviewKeeper {
  const { instances: count, isIll, port = 3000 } = options;
  const boots = Array.from({ length: count }, (_, number) => `boot-${number}`);
  const view = new ClusterView(boots[0] ?? "");
  let clockMs = 0;
  let wallMs = Date.now() - SAMPLES_MAX * SAMPLE_MS;
  const keeper = overviewOf(() => view.instances(clockMs), {
    problems: () => view.problems(clockMs),
    channels: () => channelsAt(wallMs),
    port,
  });
  for (let sample = 0; sample < SAMPLES_MAX; sample++) {
    clockMs += SAMPLE_MS;
    wallMs += SAMPLE_MS;
    for (const [number, boot] of boots.entries()) {
      // The last one falls silent shortly before now.
      if (isIll && number === count - 1 && sample > SAMPLES_MAX - 20) continue;
      const vitals = vitalsOf(number, sample, isIll);
      const shardsReady = vitals.shards.filter(({ state }) => state === "ready").length;
      view.take(
        {
          ...{
            v: 1,
            boot,
            id: idOf(number),
            region: REGIONS[number % 3] ?? "",
            role: "all",
            version: "0.1.0",
          },
          ...{ sentMs: wallMs, startedMs: wallMs - clockMs - number * 3_600_000, isLeaving: false },
          status: statusOf(vitals),
          ...{ shards: vitals.shards.length, shardsReady, connectionsMax: 20_000 },
          connections: vitals.shards.reduce((sum, { connections }) => sum + connections, 0),
          publicationsPerSecond: 4000 + 900 * Math.sin(sample / 40),
          deliveriesPerSecond: 130_000 + 20_000 * Math.sin(sample / 40 + number) + number * 1500,
          ...{ cpuShare: 2.1 + Math.sin(number), rssBytes: (900 + number * 12) * 2 ** 20 },
          settings: { "channel-template": isIll && number === 7 ? "other" : "same" },
          vitals,
        },
        clockMs,
        wallMs,
      );
    }
    keeper.sample(wallMs);
  }
  return keeper;
}

interface OverviewParts {
  readonly problems?: () => readonly ClusterProblem[];
  readonly channels?: () => readonly ChannelInfo[];
  readonly port?: number;
}

/** What an instance makes of a cluster that a test describes. */
export function overviewOf(
  instances: () => readonly SeenInstance[],
  { problems = () => [], channels = () => [], port = 3000 }: OverviewParts = {},
): OverviewKeeper {
  const totals = { instances: 0, shards: 0, connections: 0, connectionsMax: 0, deliveriesPerSecond: 0 };
  return new OverviewKeeper({
    ...{ self: idOf(0), version: "0.1.0", isDemo: false },
    cluster: () => ({ instances: instances(), problems: problems(), bus: "connected", totals }),
    clients: () => ({ port, isEncrypted: false, takesTokens: false }),
    ...{ balance: () => QUIET.balance, drain: () => QUIET.drain },
    channels: async () => ({ channels: channels() }),
  });
}

const REGIONS = ["eu-west", "us-east", "ap-south"];

function idOf(number: number): string {
  return `gw-${REGIONS[number % 3]?.slice(0, 2)}-${String(number).padStart(2, "0")}`;
}

function statusOf({ problems }: InstanceVitals): "ok" | "degraded" | "unhealthy" {
  if (problems.some(({ status }) => status === "unhealthy")) return "unhealthy";
  return problems.length > 0 ? "degraded" : "ok";
}

function vitalsOf(number: number, sample: number, isIll: boolean): InstanceVitals {
  const wave = Math.sin(sample / 30 + number);
  const isDown = isIll && number === 3 && sample > SAMPLES_MAX - 30;
  const isSaturated = isIll && number === 12 && sample > SAMPLES_MAX - 60;
  const problems: InstanceVitals["problems"] = [];
  if (isDown) {
    problems.push({
      ...{ check: "shards", status: "degraded", value: "3", message: "1 shard(s) are not ready" },
    });
  }
  if (isSaturated) {
    const message =
      "ms that the oldest undelivered frame has waited: this instance has more work than it can do";
    problems.push({ check: "saturation", status: "unhealthy", value: "5210", message });
  }
  return {
    latencyP50Ms: isSaturated ? 4100 : 4 + wave,
    latencyP99Ms: isSaturated ? 5900 : 14 + 5 * wave + (number % 7),
    loopLagMs: isSaturated ? 380 : 6 + 3 * wave,
    ...{ busState: "connected", busRoundTripMs: 1.2 + 0.4 * wave, kafkaLag: isSaturated ? 41_000 : 40 },
    ...{ gaps: isIll && sample > SAMPLES_MAX - 100 ? 1 : 0, repairs: Math.floor(sample / 60), problems },
    ...{ refusals: Math.floor(sample / 25), slowClients: Math.floor(sample / 90) },
    shards: [0, 1, 2, 3].map((shard) => ({
      ...{ shard, restarts: isDown && shard === 2 ? 4 : 0, latencyP99Ms: 14 + 5 * wave },
      state: isDown && shard === 2 ? ("down" as const) : ("ready" as const),
      connections: isDown && shard === 2 ? 0 : 2400 + shard * 90 + number * 20,
      ...{
        cpuShare: isSaturated ? 0.99 : 0.5 + 0.1 * wave,
        rssBytes: 210 * 2 ** 20,
        loopLagMs: 6 + 3 * wave,
      },
    })),
    streams: [0, 1, 2].map((stream) => ({
      ...{ name: `odin.trades/${number * 3 + stream}`, shard: stream },
      lag: isSaturated ? 14_000 - stream : 10 + stream,
    })),
    streamsTotal: 3,
  };
}

function channelsAt(wallMs: number): ChannelInfo[] {
  return ["BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "AVAX"].flatMap((symbol, rank) =>
    ["trade", "quote"].map((kind) => ({
      channel: `${symbol}.${kind}`,
      ...{ subscribers: 9000 - rank * 1000, messages: 1000, total: Math.floor(wallMs / (5 * (rank + 1))) },
    })),
  );
}
