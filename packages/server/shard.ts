import { ABNORMAL_CLOSE } from "@shardcast/protocol/closeCodes";
import type { Logger } from "pino";
import { channelsOf } from "./admin/channels.ts";
import { shardMetrics } from "./admin/shardMetrics.ts";
import { AssemblyHalf } from "./assembly.ts";
import { type Authentication, openAuthentication } from "./auth/open.ts";
import type { BroadcastBus } from "./bus/bus.ts";
import { openBus } from "./bus/open.ts";
import { ProbedBus } from "./bus/probed.ts";
import { isSharedBus } from "./config/busSchemes.ts";
import type { Config } from "./config/shape.ts";
import { CpuShare } from "./cpuShare.ts";
import { AcceptRate } from "./gateway/acceptRate.ts";
import { Admission, type Pressure } from "./gateway/admission.ts";
import { ClientAddresses } from "./gateway/clientAddress.ts";
import type { ConnectionContext } from "./gateway/connectionContext.ts";
import { ConnectionCounters } from "./gateway/connectionCounters.ts";
import type { DepartureOrder } from "./gateway/departures.ts";
import { RateLimit } from "./gateway/rateLimit.ts";
import { Gateway, type TlsIdentity } from "./gateway/websocket.ts";
import { type HealthReport, withoutClients } from "./health.ts";
import { Hub } from "./hub/hub.ts";
import type { IngestHalf } from "./ingest.ts";
import type { CompositeLog } from "./log/composite.ts";
import { openLog } from "./log/open.ts";
import { RequestFailures } from "./requestFailures.ts";
import { shardFigures } from "./shardFigures.ts";
import { createRouter, isUnroutable } from "./source/route.ts";
import { BoundedReads } from "./stream/boundedReads.ts";
import { NearbyReads } from "./stream/nearbyReads.ts";
import type { Question, ShardStart, ShardStats, StreamPositions } from "./supervisor/ipc.ts";
import type { ShardPermits } from "./supervisor/shardPermits.ts";
import { VitalsMeter } from "./vitals/shardVitals.ts";

// Only where there is a Kafka: its library takes some 5 MB.
const ingestHalf = () => require("./ingest.ts") as typeof import("./ingest.ts");

/** What history's last values may take beyond its segments, as a share of those. */
const LAST_VALUE_SHARE = 0.25;
/** A start waits for its consumer group this long, and goes on joining after that. */
const JOIN_MS_MAX = 5000;
/** A shard that starts waits so long for its bus, in ms. */
const BUS_AWAY_MS_MAX = 3000;
/** A client that comes back having seen more than this shard waits for it this long, and joins without after that. */
const BEHIND_MS_MAX = 5000;

/** What HTTP publishes append to a topic is keyed by its channel, unless the topic has a template of its own. */
function topicTemplates({ kafka, routing }: Config): Readonly<Record<string, string>> {
  if (kafka?.publishTopic === undefined) return routing.topicTemplates;
  return { [kafka.publishTopic]: "{key}", ...routing.topicTemplates };
}

/** One shard: composes both halves of a message's way, from the source to the bus and from the bus to the clients. */
export class Shard {
  readonly #start: ShardStart;
  readonly #logger: Logger;
  /** Without clients there is nobody to assemble streams for: what is on the bus is left to the gateways. */
  readonly #servesClients: boolean;
  readonly #hub: Hub;
  readonly #gateway: Gateway;
  readonly #admission: Admission;
  readonly #authentication: Authentication;
  readonly #log: CompositeLog;
  readonly #resumeReads: BoundedReads;
  readonly #nearbyReads: NearbyReads;
  readonly #bus: ProbedBus;
  /** With a shared bus, what instances keep in their memories comes by the supervisor. */
  readonly #instanceBus: BroadcastBus | undefined;
  readonly #cpu = new CpuShare();
  readonly #vitals = new VitalsMeter();
  readonly #assembly: AssemblyHalf;
  readonly #ingest: IngestHalf | undefined;
  readonly #counters = new ConnectionCounters();
  readonly #registry;
  readonly #failures: RequestFailures;
  #permitsNumber: number;
  #health: HealthReport;
  #expiry: Timer | undefined;

  constructor(start: ShardStart, logger: Logger) {
    const { config, shard } = start;
    this.#start = start;
    this.#logger = logger;
    this.#permitsNumber = start.permits.number;
    this.#health = { status: "unhealthy", instance: config.instance.id, checks: {}, shards: [] };
    const router = createRouter({
      defaultTemplate: config.routing.channelTemplate,
      topicTemplates: topicTemplates(config),
    });
    this.#servesClients = config.instance.role !== "ingest";
    this.#admission = new Admission({
      allowedOrigins: config.gateway.allowedOrigins,
      permits: start.permits.clients,
      servesClients: this.#servesClients,
      rate: new AcceptRate({
        perSecond: config.admission.acceptsPerSecond,
        perSecondPerAddress: config.admission.acceptsPerSecondPerAddress,
        shard,
        shards: config.instance.shards,
      }),
      addresses: new ClientAddresses(config.admission.addresses),
    });
    this.#authentication = openAuthentication(config.auth, (why) =>
      logger.warn({ why }, "the keys of tokens can not be fetched; it is tried again"),
    );
    this.#failures = new RequestFailures((error) => logger.error({ err: error }, "a request failed"));
    this.#gateway = new Gateway({
      host: config.gateway.host,
      port: start.port,
      tls: start.tls,
      instance: config.instance.id,
      shard,
      messageBytesMax: config.limits.messageBytesMax,
      backpressureBytes: config.limits.backpressureBytes,
      idleTimeoutMs: config.limits.idleTimeoutMs,
      handshakeTimeoutMs: config.limits.handshakeTimeoutMs,
      pingIntervalMs: config.limits.pingIntervalMs,
      deflate: config.gateway.deflate,
      admission: this.#admission,
      access: this.#authentication.access,
      health: () => (this.#servesClients ? this.#health : withoutClients(this.#health)),
      failures: this.#failures,
    });
    this.#hub = new Hub(
      {
        messagesMax: config.history.messagesPerChannel,
        bytesMax: config.history.bytesPerShard,
        ageMsMax: config.history.seconds * 1000,
        lastValueBytesMax: config.history.bytesPerShard * LAST_VALUE_SHARE,
      },
      this.#gateway.broadcast,
      // A client sends its mark back in one message, beside the channels that it is for.
      { markCharactersMax: Math.floor(config.limits.messageBytesMax * 0.75) },
    );
    this.#hub.room.max = start.permits.subscriptions;
    this.#log = openLog(config, { own: start.logPath, peers: start.peerLogPath }, (streamId, record) => {
      const routed = router(streamId, record);
      return isUnroutable(routed) ? undefined : routed;
    });
    this.#resumeReads = new BoundedReads(this.#log);
    this.#nearbyReads = new NearbyReads(this.#resumeReads);
    this.#bus = new ProbedBus({
      bus: openBus(config.bus, start.busPath, "frames", (problem) => logger.warn(`the bus: ${problem}`)),
      onStale: (reason) => logger.error(`${reason}: connecting anew`),
    });
    if (isSharedBus(config.bus.url) && this.#servesClients) {
      this.#instanceBus = openBus({ url: "local:", prefix: config.bus.prefix }, start.busPath, "log");
    }
    this.#assembly = new AssemblyHalf({
      log: this.#log,
      hub: this.#hub,
      delivered: (publications) => this.#vitals.delivered(publications),
      positions: start.positions,
      hasKafka: config.kafka !== undefined,
      coalesceMsMax: config.gateway.coalesceMsMax,
      logger,
    });
    if (config.kafka !== undefined && config.kafka.topics.length > 0 && config.instance.role !== "gateway") {
      this.#ingest = new (ingestHalf().IngestHalf)({
        config,
        kafka: config.kafka,
        shard,
        boot: start.boot,
        bus: this.#bus,
        route: router,
        logger,
      });
    }
    this.#registry = shardMetrics(shard, [
      ...shardFigures({
        hub: this.#hub,
        gateway: this.#gateway,
        admission: this.#admission,
        authentication: this.#authentication,
        resumeReads: this.#resumeReads,
        nearbyReads: this.#nearbyReads,
        bus: this.#bus,
        log: this.#log,
        counters: this.#counters,
        failures: this.#failures,
      }),
      ...this.#assembly.figures,
      ...(this.#ingest?.figures ?? []),
    ]);
  }

  /** Resolves with the public port once this shard is warm and takes clients, or tells them that it takes none. */
  async open(): Promise<number> {
    if (this.#servesClients) await this.#follow();
    // The bus proves by what it brings that it delivers.
    else await this.#subscribed(this.#bus.subscribe(() => {}));
    await this.#ingest?.start(this.#servesClients && this.#assembly.incomplete ? 0 : JOIN_MS_MAX);
    // Without its keys a shard still serves those who need none, says so, and goes on asking for them.
    await this.#authentication.jwks?.begin();
    this.#gateway.open(this.#context());
    this.#vitals.begin();
    return this.#gateway.port;
  }

  setPermits({ number, clients, subscriptions }: ShardPermits): void {
    this.#permitsNumber = number;
    this.#admission.permits = clients;
    this.#hub.room.max = subscriptions;
  }

  setTls(tls: TlsIdentity): void {
    try {
      this.#gateway.setTls(tls);
    } catch (error) {
      this.#logger.error({ err: error }, "the new certificate can not be used; the old one stays");
    }
  }

  setHealth(report: HealthReport, pressure: Pressure | undefined): void {
    this.#health = report;
    this.#admission.pressure = pressure;
  }

  /** Gives its partitions up at once: its clients are still here, and are served what others publish. */
  async handOver(): Promise<void> {
    try {
      await this.#ingest?.stop();
    } catch (error) {
      this.#logger.error({ err: error }, "the partitions could not be handed over in order");
    }
  }

  /** Sends clients elsewhere. A shard that drains lets in no more of them. */
  depart(order: DepartureOrder): void {
    if (order.reason === "draining") this.#admission.accepting = false;
    const clients = this.#gateway.depart(order);
    this.#logger.info({ ...order, clients }, "clients are asked to go elsewhere");
  }

  get stats(): ShardStats {
    const { publications, deliveries, gaps } = this.#hub.counters;
    const newestOnly = this.#hub.classes.counters.deliveries;
    const assembly = this.#assembly.stats;
    return {
      connections: this.#gateway.connections,
      subscriptions: this.#hub.room.count,
      permitsNumber: this.#permitsNumber,
      publications,
      deliveries: deliveries + newestOnly,
      rssBytes: process.memoryUsage.rss(),
      cpuShare: this.#cpu.sinceLast(),
      busState: this.#bus.state,
      busLagMs: this.#bus.probe.lagMs,
      gaps,
      ...assembly,
      // A log that has not told its streams yet is waited for as well.
      streamsWaitingForLog:
        assembly.streamsWaitingForLog + (this.#servesClients && this.#assembly.incomplete ? 1 : 0),
      sourceState: this.#ingest?.state ?? "none",
      tokenKeys: this.#authentication.jwks?.state ?? "none",
      groupStrangers: this.#ingest?.strangers ?? 0,
      vitals: this.#vitals.read({
        busRoundTripMs: this.#bus.probe.roundTripMs,
        refusals: this.#refusals,
        slowClients: this.#gateway.closes[ABNORMAL_CLOSE] ?? 0,
        streams: this.#ingest?.streams,
      }),
    };
  }

  /** Of handshakes and of requests. */
  get #refusals(): number {
    const handshakes = { ...this.#admission.refused, ...this.#authentication.access.refused };
    return Object.values(handshakes).reduce((sum, count) => sum + count, this.#counters.refusals);
  }

  /** The offset that comes next in each stream that this shard follows. */
  get positions(): StreamPositions {
    return this.#assembly.positions;
  }

  async answer(question: Question): Promise<unknown> {
    switch (question) {
      case "metrics":
        return await this.#registry.metrics();
      case "channels":
        return channelsOf(this.#hub);
      case "connections":
        return this.#gateway.connections;
    }
  }

  /** Hands the partitions over, sends the clients away, and ends. */
  async close(): Promise<void> {
    this.#admission.accepting = false;
    this.#authentication.jwks?.close();
    clearInterval(this.#expiry);
    this.#vitals.close();
    await this.#ingest?.stop();
    await this.#gateway.close();
    this.#assembly.close();
    await this.#instanceBus?.close();
    await this.#bus.close();
    await this.#log.close();
  }

  /** Begins to assemble the log's streams. Resolves when what they brought last is there to be served. */
  async #follow(): Promise<void> {
    this.#expiry = setInterval(() => this.#hub.history.expire(), 1000);
    await this.#assembly.begin(async (onFrame) => {
      await this.#instanceBus?.subscribe(onFrame);
      await this.#subscribed(this.#bus.subscribe(onFrame));
    });
  }

  /**
   * Resolves once the bus has subscribed, or has been away for a while: what starts without its bus goes on from the log
   * alone. Else a deploy, or a shard that dies, while the bus is away would cost clients that the log could serve.
   */
  async #subscribed(subscribing: Promise<unknown>): Promise<void> {
    const late = Symbol("late");
    const patience = new Promise((resolve) => setTimeout(resolve, BUS_AWAY_MS_MAX, late).unref());
    if ((await Promise.race([subscribing, patience])) !== late) return;
    this.#logger.warn("started without the bus: messages come from the log alone until it is there");
  }

  #context(): ConnectionContext {
    const { limits, resume } = this.#start.config;
    return {
      hub: this.#hub,
      log: this.#nearbyReads,
      limits: {
        subscriptionsMax: limits.subscriptionsMax,
        replayBufferBytes: Math.max(16 * 1024, Math.floor(limits.backpressureBytes / 4)),
        waitingRequestsMax: 64,
        refusalsMax: 100,
      },
      replayLimits: {
        recordsMax: resume.recordsMax,
        bytesMax: resume.bytesMax,
        ageMsMax: resume.ageSecondsMax * 1000,
        // A step must fit in a client's buffer beside what is being sent.
        readBytesMax: Math.max(16 * 1024, Math.floor(limits.backpressureBytes / 4)),
        behindMsMax: BEHIND_MS_MAX,
      },
      rate: new RateLimit(limits.requestsPerSecond, limits.requestBurst),
      counters: this.#counters,
      now: Date.now,
    };
  }
}
