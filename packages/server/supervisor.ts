import { rmSync } from "node:fs";
import type { Logger } from "pino";
import type { PageSource } from "./admin/pages.ts";
import { openBus } from "./bus/open.ts";
import type { Announcement } from "./cluster/announcement.ts";
import { ClusterMember } from "./cluster/clusterMember.ts";
import { logKind, logPromise } from "./config/logKind.ts";
import type { Config } from "./config/shape.ts";
import type { Pressure } from "./gateway/admission.ts";
import type { HealthReport } from "./health.ts";
import { createLogger } from "./logger.ts";
import { keepProgramTextSmall } from "./programText.ts";
import { AdminPort } from "./supervisor/adminPort.ts";
import { announcementOf } from "./supervisor/announcementOf.ts";
import { banner, instanceUrls } from "./supervisor/banner.ts";
import { memoryCgroups } from "./supervisor/cgroups.ts";
import { DRAIN_PROGRESS, Drain } from "./supervisor/drain.ts";
import { InstanceHealth } from "./supervisor/instanceHealth.ts";
import { InstanceRates } from "./supervisor/instanceRates.ts";
import type { ShardStart } from "./supervisor/ipc.ts";
import { KnownPositions } from "./supervisor/knownPositions.ts";
import { LocalServices } from "./supervisor/localServices.ts";
import { MemoryWatch, memoryFigures } from "./supervisor/memoryWatch.ts";
import { Rebalancer } from "./supervisor/rebalancer.ts";
import { SecretFiles } from "./supervisor/secretFiles.ts";
import { ShardPermitBooks } from "./supervisor/shardPermits.ts";
import { LOOK_MS, ShardProcess } from "./supervisor/shardProcess.ts";
import { listenToSignals } from "./supervisor/signals.ts";
import { makeSocketDirectory, sweepSocketDirectories } from "./supervisor/socketDirectory.ts";
import { startProblem } from "./supervisor/startProblem.ts";
import type { TopicPublisher } from "./supervisor/topicPublisher.ts";

// Only where HTTP publishes go to a topic: Kafka's library takes some 5 MB.
const topicPublisher = () =>
  require("./supervisor/topicPublisher.ts") as typeof import("./supervisor/topicPublisher.ts");

/** Health reaches the shards, and permits are shared out anew, this often. */
const TICK_MS = LOOK_MS;

export interface SupervisorOptions {
  /** Runs `shardcast` as people do. */
  readonly command: string;
  /** What flags are added to, where that is not plain. */
  readonly flagsCommand: string | undefined;
  /** Shown at the admin port. */
  readonly pages: readonly PageSource[];
}

/** Runs one instance until it is told to end. Resolves with the exit code. */
export async function runSupervisor(
  config: Config,
  { command, flagsCommand, pages }: SupervisorOptions,
): Promise<number> {
  const logger = createLogger(config.logging, { instance: config.instance.id });
  const problem = await startProblem(config, logger, flagsCommand);
  if (problem !== undefined) {
    logger.fatal(problem);
    return 1;
  }
  const promise = logPromise(config);
  if (promise !== undefined) logger.warn(promise);
  const supervisor = new Supervisor(config, logger, command, pages);
  return await supervisor.run();
}

/** One instance: starts its shards, watches them, joins what they tell, and ends everything in order. */
class Supervisor {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #command: string;
  readonly #directory: string;
  readonly #local: LocalServices;
  readonly #topicPublisher: TopicPublisher | undefined;
  readonly #shards: ShardProcess[] = [];
  readonly #permits: ShardPermitBooks;
  readonly #secrets: SecretFiles;
  readonly #startedMs = Date.now();
  readonly #boot = crypto.randomUUID();
  readonly #rates = new InstanceRates();
  readonly #cluster: ClusterMember;
  readonly #positions = new KnownPositions();
  readonly #healthJudge = new InstanceHealth();
  readonly #memory: MemoryWatch;
  #port: number;
  readonly #drain: Drain;
  readonly #rebalancer: Rebalancer;
  readonly #admin: AdminPort;
  #lastHealth: HealthReport | undefined;
  #announced = false;
  #end: (exitCode: number) => void = () => {};

  constructor(config: Config, logger: Logger, command: string, pages: readonly PageSource[]) {
    this.#config = config;
    this.#logger = logger;
    this.#command = command;
    this.#port = config.gateway.port;
    this.#permits = new ShardPermitBooks({ shards: config.instance.shards, ...config.gateway });
    this.#memory = new MemoryWatch({ cgroups: memoryCgroups(), ...config.admission.memory });
    this.#secrets = new SecretFiles({
      ...{ admin: config.admin, tls: config.gateway.tls, logger },
      onTls: (identity) => {
        for (const shard of this.#shards) shard.setTls(identity);
      },
    });
    this.#directory = makeSocketDirectory();
    this.#local = new LocalServices(config, this.#directory, logger);
    const { kafka } = config;
    if (kafka?.publishTopic !== undefined) {
      const { TopicPublisher } = topicPublisher();
      this.#topicPublisher = new TopicPublisher(kafka, kafka.publishTopic);
    }
    for (let shard = 0; shard < config.instance.shards; shard++) this.#shards.push(this.#shardProcess(shard));
    this.#drain = new Drain({ ...config.drain, shards: this.#shards, logger });
    this.#cluster = new ClusterMember({
      bus: config.bus.url === "local:" ? undefined : openBus(config.bus, this.#local.busPath, "cluster"),
      boot: this.#boot,
      logger,
      describe: (isLeaving) => this.#announcement(isLeaving),
    });
    this.#rebalancer = new Rebalancer({
      ...config.rebalance,
      instances: () => this.#cluster.instances,
      shards: this.#shards,
      logger,
      now: () => performance.now(),
    });
    this.#admin = new AdminPort({
      ...{ config, logger, pages, startedMs: this.#startedMs, guard: this.#secrets.guard },
      ...{ shards: this.#shards, cluster: this.#cluster, rebalancer: this.#rebalancer, drain: this.#drain },
      figures: [
        ...this.#rebalancer.figures,
        ...this.#local.figures,
        ...this.#cluster.figures,
        ...this.#secrets.figures,
        ...memoryFigures(this.#memory),
      ],
      publicPort: () => this.#port,
      health: () => this.#health(),
      publish: (items) => this.#topicPublisher?.publish(items) ?? this.#local.publish(items),
      beginDrain: (why) => this.#beginDrain(why),
    });
  }

  async run(): Promise<number> {
    const ended = new Promise<number>((resolve) => {
      this.#end = resolve;
    });
    let exitCode = 1;
    const stopListening = listenToSignals({
      end: (signal) => {
        // Somebody waits at a terminal.
        if (signal === "SIGINT") this.#drain.hurry();
        this.#beginDrain(signal);
      },
      endAtOnce: (signal) => {
        this.#logger.warn({ signal }, "ending at once: asked twice");
        for (const shard of this.#shards) shard.kill();
        this.#drain.hurry();
      },
      reload: this.#secrets.areThere ? () => this.#secrets.reload() : undefined,
    });
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    try {
      this.#local.start();
      void this.#sweep();
      this.#cluster.start();
      this.#admin.start();
      // With port 0 the first shard chooses and the others follow it.
      if (this.#port === 0) this.#shards[0]?.start();
      else for (const shard of this.#shards) shard.start();
      exitCode = await ended;
      if (this.#drain.phase !== "none") await this.#drain.run();
    } catch (error) {
      this.#logger.fatal({ err: error }, "the instance could not start");
    } finally {
      await this.#stop();
      clearInterval(ticking);
      stopListening();
    }
    return exitCode;
  }

  /** Red health comes first: each moment earlier that a balancer sees it, fewer clients come in vain. */
  #beginDrain(why: string): void {
    if (this.#drain.phase !== "none") return;
    this.#logger.info({ why, ...this.#drain.pace }, "ending");
    this.#drain.begin();
    this.#tellHealth();
    this.#cluster.announce();
    this.#local.stopFeeds();
    this.#end(0);
  }

  /** Costs no start: who can not tidy up can still serve. */
  async #sweep(): Promise<void> {
    try {
      const directories = await sweepSocketDirectories();
      if (directories > 0)
        this.#logger.info({ directories }, "removed the sockets of instances that were killed");
    } catch (error) {
      this.#logger.warn({ err: error }, "the sockets of instances that were killed could not be removed");
    }
  }

  async #stop(): Promise<void> {
    this.#drain.begin();
    this.#tellHealth();
    this.#local.stopFeeds();
    const { leftMs } = this.#drain;
    await Promise.all(this.#shards.map((shard) => shard.stop(leftMs)));
    await this.#cluster.close();
    await this.#admin.close();
    await this.#topicPublisher?.close();
    await this.#local.close();
    rmSync(this.#directory, { recursive: true, force: true });
    this.#logger.info("ended");
  }

  #shardProcess(shard: number): ShardProcess {
    return new ShardProcess({
      shard,
      logger: this.#logger,
      start: (): ShardStart => ({
        config: this.#config,
        shard,
        boot: this.#boot,
        port: this.#port,
        busPath: this.#local.busPath,
        logPath: this.#local.logPath,
        peerLogPath: this.#local.peerLogPath,
        permits: this.#permits.start(shard),
        ...(this.#secrets.tls !== undefined && { tls: this.#secrets.tls }),
        positions: this.#positions.all,
      }),
      onReady: (port) => this.#onReady(shard, port),
      onBeat: (positions) => this.#positions.note(shard, positions),
      onFailed: (message) => {
        this.#logger.fatal({ shard }, message);
        this.#end(1);
      },
    });
  }

  #onReady(shard: number, port: number): void {
    this.#logger.info({ shard, port }, "shard ready");
    if (this.#port === 0) {
      this.#port = port;
      for (const other of this.#shards.slice(1)) other.start();
    }
    this.#tick();
    if (this.#announced || this.#shards.some(({ health }) => health.state !== "ready")) return;
    this.#announced = true;
    this.#announce();
  }

  #announce(): void {
    const urls = instanceUrls(this.#config, this.#port, this.#admin.port);
    this.#logger.info({ ...urls, shards: this.#config.instance.shards }, "instance ready");
    keepProgramTextSmall();
    process.stdout.write(banner(this.#config, urls, this.#command));
  }

  #tick(): void {
    for (const shard of this.#shards) shard.look();
    const permits = this.#permits.next(this.#shards.map((shard) => shard.stats));
    this.#shards.forEach((shard, index) => {
      const own = permits[index];
      if (own !== undefined) shard.setPermits(own);
    });
    this.#memory.look(
      this.#shards.reduce((sum, { stats }) => sum + (stats?.rssBytes ?? 0), process.memoryUsage.rss()),
    );
    this.#tellHealth();
    if (this.#drain.phase === "none") this.#rebalancer.tick();
  }

  #tellHealth(): void {
    const report = this.#health();
    this.#lastHealth = report;
    for (const shard of this.#shards) shard.tellHealth(report, this.#pressure);
  }

  get #pressure(): Pressure | undefined {
    if (this.#memory.isPressed) return "memory_full";
    return this.#healthJudge.isSaturated ? "saturated" : undefined;
  }

  #health(): HealthReport {
    return this.#healthJudge.judge({
      instance: this.#config.instance.id,
      draining: this.#drain.phase !== "none",
      drainProgress: DRAIN_PROGRESS[this.#drain.phase](this.#drain.clients),
      connectionsMax: this.#config.gateway.connectionsMax,
      subscriptionsMax: this.#config.gateway.subscriptionsMax,
      admission: this.#config.admission,
      memory: this.#memory.check,
      shards: this.#shards.map((shard) => shard.health),
      stats: this.#shards.map((shard) => shard.stats),
      nowMs: performance.now(),
      clusterBus: this.#cluster.busState,
      clusterProblems: this.#cluster.problems.map(({ message }) => message),
      log: logKind(this.#config),
    });
  }

  #announcement(isLeaving: boolean): Announcement {
    const stats = this.#shards.map((shard) => shard.stats);
    return announcementOf({
      ...{ config: this.#config, boot: this.#boot, startedMs: this.#startedMs, isLeaving },
      ...{ health: this.#lastHealth, stats, rates: this.#rates.since(stats, performance.now()) },
    });
  }
}
