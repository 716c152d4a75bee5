import type { Logger } from "pino";
import { startAdminServer } from "../admin/adminServer.ts";
import { joinChannels } from "../admin/channels.ts";
import { killDemoShard } from "../admin/demoShards.ts";
import { counter, type Figure, gauge } from "../admin/figure.ts";
import { joinMetrics } from "../admin/joinMetrics.ts";
import { type PageSource, Pages } from "../admin/pages.ts";
import type { Published, PublishItem } from "../admin/publishRequest.ts";
import { shardMetrics } from "../admin/shardMetrics.ts";
import type { AdminGuard } from "../auth/adminGuard.ts";
import { RebalanceRefused } from "../cluster/balance.ts";
import type { ClusterMember } from "../cluster/clusterMember.ts";
import { isEmbeddedDemo } from "../config/logKind.ts";
import type { Config } from "../config/shape.ts";
import type { HealthReport } from "../health.ts";
import { OverviewKeeper } from "../overview/overview.ts";
import { RequestFailures } from "../requestFailures.ts";
import { VERSION } from "../version.ts";
import { instanceUrls } from "./banner.ts";
import type { Drain, DrainAnswer } from "./drain.ts";
import type { ChannelInfo } from "./ipc.ts";
import type { Rebalancer, RebalanceState } from "./rebalancer.ts";
import type { ShardProcess } from "./shardProcess.ts";

export interface AdminPortOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Shown to browsers. */
  readonly pages: readonly PageSource[];
  readonly guard: AdminGuard;
  readonly shards: readonly ShardProcess[];
  readonly cluster: ClusterMember;
  readonly rebalancer: Rebalancer;
  readonly drain: Drain;
  readonly startedMs: number;
  /** Of the supervisor's parts, beside those of its shards. */
  readonly figures: readonly Figure[];
  /** That clients connect to; 0 until a shard has chosen it. */
  readonly publicPort: () => number;
  readonly health: () => HealthReport;
  readonly publish: (items: readonly PublishItem[]) => Promise<readonly Published[]>;
  readonly beginDrain: (why: string) => void;
}

/** Answers what operators, publishers and the dashboard ask of one instance, from what its parts know. */
export class AdminPort {
  readonly #options: AdminPortOptions;
  readonly #overview: OverviewKeeper;
  readonly #pages: Pages;
  readonly #failures: RequestFailures;
  readonly #registry;
  #metricsMissing = 0;
  #server: Bun.Server<undefined> | undefined;

  constructor(options: AdminPortOptions) {
    this.#options = options;
    const { config, logger, pages, shards, figures } = options;
    this.#overview = this.#overviewKeeper();
    this.#pages = new Pages(pages, (hostname) => {
      const { protocol } = new URL(instanceUrls(config, 0, 0).clients);
      return `${protocol}//${hostname}:${options.publicPort()}`;
    });
    this.#failures = new RequestFailures((error) => logger.error({ err: error }, "a request failed"));
    this.#registry = shardMetrics(undefined, [
      ...figures,
      counter(
        "request_failures",
        "HTTP requests that failed by a defect of this server.",
        () => this.#failures.count,
      ),
      counter("shard_restarts", "Shards started anew after they died.", () =>
        shards.reduce((sum, shard) => sum + shard.health.restarts, 0),
      ),
      gauge(
        "shards_ready",
        "Shards that take clients.",
        () => shards.filter((shard) => shard.health.state === "ready").length,
      ),
      counter(
        "metrics_missing",
        "Times that this page lacked the figures of a shard, because it did not tell them in time or was not ready.",
        () => this.#metricsMissing,
      ),
    ]);
  }

  /** As it came out, where 0 was configured. */
  get port(): number {
    return this.#server?.port ?? this.#options.config.admin.port;
  }

  /** Throws where the port can not be opened. */
  start(): void {
    const { config, guard, shards, cluster, rebalancer, health, publish } = this.#options;
    this.#overview.start();
    this.#server = startAdminServer({
      host: config.admin.host,
      port: config.admin.port,
      guard,
      failures: this.#failures,
      health,
      metrics: () => this.#metrics(),
      channels: () => this.#channels(),
      instance: () => this.#instance(),
      cluster: () => ({ ...cluster.describe(), balance: rebalancer.describe() }),
      rebalance: () => this.#requestRebalance(),
      overview: (afterMs) => this.#overview.tell(afterMs),
      publish,
      drain: () => this.#requestDrain(),
      killDemoShard: (request) => killDemoShard(request, { isDemo: isEmbeddedDemo(config), shards }),
      pages: this.#pages,
    });
  }

  async close(): Promise<void> {
    this.#overview.close();
    await this.#server?.stop(true);
  }

  #requestRebalance(): RebalanceState {
    const { drain, rebalancer } = this.#options;
    if (drain.phase !== "none") throw new RebalanceRefused("this instance is being taken out");
    return rebalancer.request();
  }

  #requestDrain(): DrainAnswer {
    this.#options.beginDrain("POST /api/drain");
    return this.#describeDrain();
  }

  #describeDrain(): DrainAnswer {
    const { phase, clients, leftMs } = this.#options.drain;
    return { phase, clients, leftMs: Math.round(leftMs) };
  }

  #overviewKeeper(): OverviewKeeper {
    const { config, cluster, rebalancer, publicPort } = this.#options;
    const { instance, gateway, auth } = config;
    return new OverviewKeeper({
      self: instance.id,
      version: VERSION,
      isDemo: isEmbeddedDemo(config),
      clients: () => ({
        port: publicPort(),
        isEncrypted: gateway.tls !== undefined,
        takesTokens: auth.tokens !== undefined,
      }),
      cluster: () => cluster.describe(),
      balance: () => rebalancer.describe(),
      drain: () => this.#describeDrain(),
      channels: () => this.#channels(),
    });
  }

  async #metrics(): Promise<string> {
    const answers = await Promise.all(this.#options.shards.map((shard) => shard.ask("metrics")));
    const texts = answers.filter((answer) => typeof answer === "string");
    this.#metricsMissing += answers.length - texts.length;
    return joinMetrics([await this.#registry.metrics(), ...texts]);
  }

  async #channels(): Promise<{ channels: ChannelInfo[] }> {
    const answers = await Promise.all(this.#options.shards.map((shard) => shard.ask("channels")));
    return {
      channels: joinChannels(answers.filter((answer): answer is ChannelInfo[] => Array.isArray(answer))),
    };
  }

  #instance(): unknown {
    const { config, shards, startedMs, publicPort } = this.#options;
    const { instance, bus } = config;
    return {
      id: instance.id,
      region: instance.region,
      role: instance.role,
      version: VERSION,
      pid: process.pid,
      uptimeMs: Date.now() - startedMs,
      port: publicPort(),
      busPrefix: bus.prefix,
      shards: shards.map((shard) => ({ ...shard.health, stats: shard.stats })),
    };
  }
}
