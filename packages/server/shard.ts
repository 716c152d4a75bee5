import { ABNORMAL_CLOSE } from "@shardcast/protocol/closeCodes";
import type { Logger } from "pino";
import { shardMetrics } from "./admin/shardMetrics.ts";
import { type Authentication, openAuthentication } from "./auth/open.ts";
import type { BroadcastBus } from "./bus/bus.ts";
import { FrameError } from "./bus/frame.ts";
import { decodeFrame } from "./bus/frameCodec.ts";
import { openBus } from "./bus/open.ts";
import { ProbedBus } from "./bus/probed.ts";
import { SYSTEM_TIMING } from "./bus/timing.ts";
import { isSharedBus } from "./config/busSchemes.ts";
import type { Config } from "./config/shape.ts";
import { CpuShare } from "./cpuShare.ts";
import { AcceptRate } from "./gateway/acceptRate.ts";
import { Admission, type Pressure } from "./gateway/admission.ts";
import { ClientAddresses } from "./gateway/clientAddress.ts";
import type { ConnectionContext, ConnectionCounters } from "./gateway/connectionContext.ts";
import type { DepartureOrder } from "./gateway/departures.ts";
import { RateLimit } from "./gateway/rateLimit.ts";
import { Gateway, type TlsIdentity } from "./gateway/websocket.ts";
import { type HealthReport, withoutClients } from "./health.ts";
import { Hub } from "./hub/hub.ts";
import { IngestHalf } from "./ingest.ts";
import type { CompositeLog } from "./log/composite.ts";
import { openLog } from "./log/open.ts";
import { RequestFailures } from "./requestFailures.ts";
import { Seldom } from "./seldom.ts";
import { shardFigures } from "./shardFigures.ts";
import { createRouter, isUnroutable } from "./source/route.ts";
import { Assembler } from "./stream/assemble.ts";
import { BoundedReads } from "./stream/boundedReads.ts";
import { NearbyReads } from "./stream/nearbyReads.ts";
import { Turns } from "./stream/turns.ts";
import { StreamWatch } from "./stream/watch.ts";
import type { ChannelInfo, Question, ShardStart, ShardStats, StreamPositions } from "./supervisor/ipc.ts";
import type { ShardPermits } from "./supervisor/shardPermits.ts";
import { VitalsMeter } from "./vitals/shardVitals.ts";

/** Whoever publishes malformed frames on the bus decides how many there are, but not how full the log gets. */
const MALFORMED_SAID_MS = 10_000;
/** Records per shard that a start reads back, so that history serves the clients that come back. */
const WARM_RECORDS_MAX = 20_000;
/** What history's last values may take beyond its segments, as a share of those. */
const LAST_VALUE_SHARE = 0.25;
/** Channels that one answer to `/api/channels` names. */
const CHANNELS_TOLD_MAX = 10_000;
/** A start waits for its consumer group this long, and goes on joining after that. */
const JOIN_MS_MAX = 5000;
/** A start whose reads of the log fail for this long opens without them. */
const LOG_AWAY_MS_MAX = 5000;
const LOOK_MS = 250;
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
  readonly #assembler: Assembler;
  readonly #turns: Turns;
  readonly #watch: StreamWatch;
  readonly #ingest: IngestHalf | undefined;
  readonly #counters: ConnectionCounters = {
    requests: 0,
    refusals: 0,
    resumed: 0,
    notRecovered: 0,
    replayedMessages: 0,
    replayedBytes: 0,
  };
  readonly #registry;
  #malformedFrames = 0;
  readonly #sayMalformed = new Seldom(MALFORMED_SAID_MS);
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
    this.#watch = new StreamWatch({
      log: this.#log,
      warmRecordsMax: WARM_RECORDS_MAX,
      remembered: start.positions,
      found: (stream, from) => {
        if (!this.#assembler.hasRoom) {
          // Said by marks too: they would have to name more streams than they can.
          // Once for each listing is often enough.
          if (this.#watch.unfollowed === 0) {
            logger.error(
              { stream: stream.name },
              "too many streams: this one, and maybe more, are not followed",
            );
          }
          this.#hub.unplaced(stream.id);
          return undefined;
        }
        this.#hub.open(stream.id, from);
        return this.#assembler.open(stream.id, from, stream.next);
      },
      unplaced: ({ id, name }) => {
        logger.warn(
          { streamId: id, stream: name },
          "the stream has no leader; it is followed when it has one",
        );
        this.#hub.unplaced(id);
      },
      vanished: (streamId) => this.#hub.forget(streamId),
      onError: (error) => logger.warn({ err: error }, "not every log tells its streams; it is asked again"),
    });
    this.#assembler = new Assembler({
      log: this.#log,
      deliver: (streamId, publications, through) => {
        this.#hub.deliver(streamId, publications, through);
        this.#vitals.delivered(publications);
      },
      gap: (streamId, after, through, reason, isEndUnknown) => {
        logger.warn({ streamId, after, through, reason }, "gap: this stretch can not be had any more");
        this.#hub.gap(streamId, after, through, reason, isEndUnknown);
      },
      ended: (streamId) => this.#hub.ended(streamId),
      forget: (streamId) => {
        this.#hub.forget(streamId);
        this.#watch.forget(streamId);
      },
      discover: async (streamId) => {
        const found = await this.#watch.find(streamId);
        if (found !== undefined && this.#assembler.hasRoom) this.#hub.open(streamId, found.earliest);
        return found;
      },
      schedule: (delayMs, fn) => {
        const timer = setTimeout(fn, delayMs);
        return () => clearTimeout(timer);
      },
      now: () => performance.now(),
      random: Math.random,
    });
    this.#turns = new Turns({
      waitMsMax: config.gateway.coalesceMsMax,
      take: (bytes) => this.#onFrame(bytes),
      now: () => performance.now(),
      schedule: SYSTEM_TIMING.schedule,
      afterTurn: setImmediate,
    });
    if (config.kafka !== undefined && config.kafka.topics.length > 0 && config.instance.role !== "gateway") {
      this.#ingest = new IngestHalf({
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
        assembler: this.#assembler,
        turns: this.#turns,
        watch: this.#watch,
        counters: this.#counters,
        malformedFrames: () => this.#malformedFrames,
        failures: this.#failures,
      }),
      ...(this.#ingest?.figures ?? []),
    ]);
  }

  /** Resolves with the public port once this shard is warm and takes clients, or tells them that it takes none. */
  async open(): Promise<number> {
    if (this.#servesClients) await this.#follow();
    // The bus proves by what it brings that it delivers.
    else await this.#subscribed(this.#bus.subscribe(() => {}));
    await this.#ingest?.start(this.#servesClients && this.#watch.incomplete ? 0 : JOIN_MS_MAX);
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
    const { repairs, oldestHoldMs, streamsReadForward } = this.#assembler.stats;
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
      repairs,
      oldestHoldMs,
      streamsReadForward,
      streamsUnfollowed: this.#watch.unfollowed,
      // A log that has not told its streams yet is waited for as well.
      streamsWaitingForLog:
        this.#waitingForLog + this.#watch.unplaced + (this.#servesClients && this.#watch.incomplete ? 1 : 0),
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

  /**
   * Beside Kafka, what is in other instances' memories is away with the bus, for every instance at once: it must not make
   * one look cut off from a Kafka that answers.
   */
  get #waitingForLog(): number {
    const waiting = [...this.#assembler.waitingForLog()];
    if (this.#start.config.kafka === undefined) return waiting.length;
    return waiting.filter((streamId) => !this.#log.isOfPeer(streamId)).length;
  }

  /** The offset that comes next in each stream that this shard follows. */
  get positions(): StreamPositions {
    return [...this.#assembler.positions()];
  }

  async answer(question: Question): Promise<unknown> {
    switch (question) {
      case "metrics":
        return await this.#registry.metrics();
      case "channels":
        return this.#channels();
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
    this.#watch.close();
    this.#turns.close();
    this.#assembler.close();
    await this.#instanceBus?.close();
    await this.#bus.close();
    await this.#log.close();
  }

  /** Begins to assemble the log's streams. Resolves when what they brought last is there to be served. */
  async #follow(): Promise<void> {
    const warm = this.#watch.begin();
    await this.#watch.listed;
    await this.#instanceBus?.subscribe((bytes) => this.#turns.add(bytes));
    await this.#subscribed(this.#bus.subscribe((bytes) => this.#turns.add(bytes)));
    this.#expiry = setInterval(() => this.#hub.history.expire(), 1000);
    // Without Kafka a shard serves what it has, says so, and catches up: neither may hold its clients hostage.
    await this.#warmOrWithout(warm);
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

  /** Resolves when `warm` does, or when reads of the log have failed for a while. */
  async #warmOrWithout(warm: Promise<void>): Promise<void> {
    let isWarm = false;
    const done = warm.then(() => {
      isWarm = true;
    });
    for (let awayMs = 0; !isWarm && awayMs < LOG_AWAY_MS_MAX; ) {
      await Promise.race([done, Bun.sleep(LOOK_MS)]);
      awayMs = this.#assembler.stats.streamsWaitingForLog > 0 ? awayMs + LOOK_MS : 0;
    }
  }

  #onFrame(bytes: Uint8Array): void {
    try {
      this.#assembler.onFrame(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#malformedFrames += 1;
      const unsaid = this.#sayMalformed.take();
      if (unsaid === undefined) return;
      this.#logger.warn({ err: error, unsaid }, "malformed frame on the bus: somebody else publishes there");
    }
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

  #channels(): ChannelInfo[] {
    const infos = new Map<string, ChannelInfo>();
    for (const { name, count, end } of this.#hub.history.channels()) {
      if (infos.size >= CHANNELS_TOLD_MAX) break;
      infos.set(name, { channel: name, subscribers: 0, messages: count, total: end });
    }
    for (const { name, subscribers } of this.#hub.allTopics()) {
      const known = infos.get(name) ?? { channel: name, subscribers: 0, messages: 0, total: 0 };
      if (infos.size >= CHANNELS_TOLD_MAX && !infos.has(name)) continue;
      infos.set(name, { ...known, subscribers: known.subscribers + subscribers });
    }
    return [...infos.values()];
  }
}
