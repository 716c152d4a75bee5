import { backoffMs } from "@shardcast/client/backoff";
import { handshakeAccess } from "./access.ts";
import { chooseChannels } from "./channelChoice.ts";
import { Departures } from "./departures.ts";
import type { GeneratorBeat, GeneratorStart, ToGenerator } from "./generatorMessages.ts";
import { Histogram } from "./histogram.ts";
import { type ClientLedger, Ledger } from "./ledger.ts";
import { NewestLedger } from "./newestLedger.ts";
import { OwnCpu } from "./ownCpu.ts";
import { isNewestOnly, type Scenario } from "./scenario.ts";
import { ShardcastDialect, type SubscriptionPolicy } from "./shardcastDialect.ts";
import { SocketPool } from "./socketPool.ts";
import { SourcePorts } from "./sourcePorts.ts";
import { TimerLag } from "./timerLag.ts";

const TURN_MS = 10;
/** How much faster than its rate a ramp may become, and how much of a pause it makes up for at once. */
const CATCH_UP = 1.1;
const CATCH_UP_TURN_MS = 50;
const HANDSHAKE_MS_MAX = 20_000;

/** All clients of one generator process. */
export class Generator {
  readonly #start: GeneratorStart;
  readonly #ledger: ClientLedger;
  readonly #dialect: ShardcastDialect;
  readonly #pool: SocketPool;
  readonly #handshake = new Histogram();
  readonly #handshakeSinceDue = new Histogram();
  readonly #departures = new Departures((client) => this.#move(client));
  /** By client, how often it has come back since it was last served. */
  readonly #attempts = new Map<number, number>();
  readonly #refused: Record<string, number> = {};
  readonly #closes: Record<string, number> = {};
  #handshakes = 0;
  /** By client, when it first subscribed as the one that it is now, in ms since 1970; 0: not yet. */
  readonly #sinceMs: Float64Array;
  /** Connected, with their subscriptions answered. */
  readonly #ready = new Set<number>();
  readonly #lag = new TimerLag();
  readonly #disturbed = { cut: 0, replaced: 0, paused: 0 };
  /** What opens clients, replaces them, or stops their reading. */
  readonly #disturbing = new Set<Timer>();
  readonly #slowCount: number;
  #lost = 0;
  #silentClients = 0;
  readonly #cpu = new OwnCpu();

  constructor(start: GeneratorStart) {
    const { scenario, run, first, count, sourceAddresses, handshakesMax, access } = start;
    this.#start = start;
    this.#sinceMs = new Float64Array(count);
    this.#slowCount = Math.round(count * (scenario.slow?.share ?? 0));
    const channelsOf = chooseChannels(scenario, first, count);
    this.#ledger = isNewestOnly(scenario) ? new NewestLedger(channelsOf) : new Ledger(channelsOf);
    this.#dialect = new ShardcastDialect({
      channels: scenario.channels,
      channelsOf,
      ledger: this.#ledger,
      policy: policyOf(scenario),
      run,
      slowCount: this.#slowCount,
      receivedMs: () => this.#pool.receivedMs,
      onSubscribed: (client) => {
        this.#attempts.delete(client);
        this.#sinceMs[client] ||= Date.now();
        this.#ready.add(client);
      },
      onReconnect: (client, afterMs, reason) => this.#departures.notice(client, afterMs, reason),
    });
    this.#pool = new SocketPool({
      urls: scenario.urls.map((url) => addressFor(url, scenario)),
      dialect: this.#dialect,
      sourcePorts: sourceAddresses.length > 0 ? new SourcePorts(sourceAddresses, Math.random) : undefined,
      handshakesMax,
      ...handshakeAccess(access),
      tls: access.tls,
      handshakeTimeoutMs: HANDSHAKE_MS_MAX,
      onOpen: (_, tookMs, sinceDueMs) => {
        this.#handshakes += 1;
        this.#handshake.add(tookMs * 1000);
        this.#handshakeSinceDue.add(sinceDueMs * 1000);
      },
      onRefused: (client, reason, retryAfterMs) => {
        this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
        this.#comeBack(client, retryAfterMs);
      },
      onClose: (client, code, isCut) => {
        this.#ready.delete(client);
        const awayMs = this.#departures.ended(client);
        if (isCut) {
          this.#disturbed.cut += 1;
          return this.#comeBack(client, awayMs);
        }
        // It was announced, and is no disconnect that anybody has to explain.
        if (awayMs === undefined) this.#closes[code] = (this.#closes[code] ?? 0) + 1;
        this.#comeBack(client, awayMs);
      },
    });
    this.#ramp();
  }

  expect(): void {
    for (let client = 0; client < this.#start.count; client++) this.#ledger.expectFrom(client, 0);
  }

  storm(share: number): void {
    for (let client = 0; client < this.#start.count * share; client++) this.#pool.cut(client);
  }

  /** From here on no client comes that has not begun to, none is replaced, and all read. */
  calm(): void {
    for (const timer of this.#disturbing) clearInterval(timer);
    this.#read(true);
  }

  audit({ sent, failed, heardSinceMs }: Extract<ToGenerator, { type: "audit" }>): void {
    this.#lost = this.#ledger.lost(sent, failed);
    this.#silentClients = 0;
    // Of somebody else's channels nobody knows whether they are quiet.
    const isOwn = this.#start.run !== undefined;
    const hasHeard = (client: number) =>
      isOwn ? this.#ledger.hasHeardAll(client) : this.#ledger.hasHeard(client);
    for (const [client, sinceMs] of this.#sinceMs.entries())
      if (sinceMs <= heardSinceMs && !hasHeard(client)) this.#silentClients += 1;
  }

  beat(type: GeneratorBeat["type"]): GeneratorBeat {
    const { resumed, deflated, deliveries, foreign, unreadable, early, gaps, spread, latency, slowLatency } =
      this.#dialect;
    const { repeated, repeatedCursors, disordered, unfollowed, strayed } = this.#ledger;
    const beat: GeneratorBeat = {
      ...{
        type,
        pid: process.pid,
        connected: this.#pool.size,
        ready: this.#ready.size,
        handshakes: this.#handshakes,
      },
      ...{ refused: this.#refused, handshake: this.#handshake.toSparse(), resumed, deliveries },
      ...{ handshakeSinceDue: this.#handshakeSinceDue.toSparse(), moves: this.#departures.moves },
      ...{
        deflated,
        foreign,
        unreadable,
        early,
        latency: latency.toSparse(),
        closes: this.#closes,
        gaps,
        spread,
        repeated,
      },
      ...{ repeatedCursors, disordered, unfollowed, strayed, lost: this.#lost },
      ...{ disturbed: this.#disturbed, slowLatency: slowLatency.toSparse() },
      ...{ silentClients: this.#silentClients, lagMs: this.#lag.sinceLast() },
      ...{ cpuUs: this.#cpu.totalUs, cpuShare: this.#cpu.sinceLast(), rssBytes: process.memoryUsage.rss() },
    };
    latency.clear();
    slowLatency.clear();
    return beat;
  }

  #ramp(): void {
    const { count, connectionsPerSecond } = this.#start;
    const startedMs = performance.now();
    // A server may take only so many in any one second, so that what a pause put off is caught up with slowly.
    const perMs = (connectionsPerSecond * CATCH_UP) / 1000;
    let [opened, allowed, turnMs] = [0, 0, startedMs];
    const timer = setInterval(() => {
      const nowMs = performance.now();
      allowed = Math.min(allowed + (nowMs - turnMs) * perMs, Math.max(1, perMs * CATCH_UP_TURN_MS));
      turnMs = nowMs;
      const due = ((nowMs - startedMs) / 1000) * connectionsPerSecond;
      for (; allowed >= 1 && opened < due && opened < count && this.#pool.hasRoom; allowed--) {
        this.#pool.open(opened, startedMs + (opened / connectionsPerSecond) * 1000);
        opened += 1;
      }
      if (opened >= count) clearInterval(timer);
    }, TURN_MS);
    this.#disturbing.add(timer);
  }

  /** Replaces clients, and has some stop reading, as the scenario says. */
  disturb(): void {
    const { scenario, count } = this.#start;
    const { slow, churnPerSecond, connections } = scenario;
    const share = (churnPerSecond * count) / connections;
    if (share > 0) this.#disturbing.add(setInterval(() => this.#replace(), 1000 / share));
    if (slow === undefined) return;
    const pausing = setInterval(() => {
      this.#read(false);
      this.#disturbed.paused += this.#slowCount;
      setTimeout(() => this.#read(true), slow.pauseMs);
    }, slow.everyMs);
    this.#disturbing.add(pausing);
  }

  /** Of the clients that are slow on purpose. */
  #read(isReading: boolean): void {
    for (let client = 0; client < this.#slowCount; client++) this.#pool.read(client, isReading);
  }

  #replace(): void {
    const client = Math.floor(Math.random() * this.#start.count);
    // One that is on its way would be there twice.
    if (!this.#pool.close(client)) return;
    this.#disturbed.replaced += 1;
    this.#ready.delete(client);
    this.#departures.ended(client);
    this.#dialect.forget(client);
    this.#sinceMs[client] = Date.now();
    this.#pool.open(client);
  }

  /** At the time that the server gave, and as the one that it was: it resumes. */
  #move(client: number): void {
    if (!this.#pool.close(client)) return;
    this.#ready.delete(client);
    this.#pool.open(client);
  }

  /** Not before `awayMs`, and a while after that. */
  #comeBack(client: number, awayMs = 0): void {
    const attempt = this.#attempts.get(client) ?? 0;
    this.#attempts.set(client, attempt + 1);
    const delayMs = backoffMs(attempt, { minMs: 500, maxMs: 10_000 }, Math.random());
    setTimeout(() => this.#pool.open(client), awayMs + delayMs);
  }
}

function policyOf({ policy, maxRate }: Scenario): SubscriptionPolicy | undefined {
  if (maxRate !== undefined) return { maxRate };
  return policy === "latest" ? { policy } : undefined;
}

function addressFor(url: string, { encoding }: Scenario): string {
  if (encoding === "plain") return url;
  const address = new URL(url);
  address.searchParams.set("encoding", encoding);
  return address.href;
}
