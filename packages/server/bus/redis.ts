import { type BackoffLimits, backoffMs } from "./backoff.ts";
import {
  BusError,
  type BusErrorCode,
  type BusState,
  type BusSubscription,
  closedError,
  type ReconnectableBus,
} from "./bus.ts";
import { FrameHandlers } from "./frameHandlers.ts";
import { RedisLink } from "./redisLink.ts";
import { RedisSentinels } from "./redisSentinels.ts";
import { parseRedisUrl, type RedisHost, type RedisTarget } from "./redisUrl.ts";
import { StateListeners } from "./stateListeners.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface RedisBusOptions extends Partial<BackoffLimits> {
  /** As `parseRedisUrl` reads it. */
  readonly url: string;
  /** Of Pub/Sub; the whole name. */
  readonly channel: string;
  /** PEM of the authority that signed the server's certificate. Absent: those that the runtime knows. */
  readonly ca?: string | undefined;
  /** What `ca` signed will do, whatever names it holds. */
  readonly tlsAnyName?: boolean | undefined;
  /** Go before those of the URL. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Frames that Redis has not answered; `publish` rejects with `bus_full` beyond it. */
  readonly unacknowledgedBytesMax?: number;
  /** Time to connect, log in and subscribe, in ms. */
  readonly connectTimeoutMs?: number;
  /** Told why the bus is not connected, once for each reason in a row. */
  readonly onProblem?: ((problem: string) => void) | undefined;
  readonly timing?: Timing;
}

/**
 * Redis cuts off a subscriber that is behind by 32 MiB, or by 8 MiB for a minute (`client-output-buffer-limit pubsub`):
 * several of the greatest frames must fit.
 */
const REDIS_MAX_FRAME_BYTES = 4 * 1024 * 1024;
const UNACKNOWLEDGED_BYTES_MAX = 16 * 1024 * 1024;
/** What an unacknowledged frame takes beside its bytes, so that many tiny frames are bounded too. */
const UNACKNOWLEDGED_OVERHEAD_BYTES = 512;
const RECONNECT: BackoffLimits = { retryMinMs: 100, retryMaxMs: 2_000 };
const CONNECT_TIMEOUT_MS = 5_000;
/** A sentinel that has not answered by then is left out. */
const SENTINEL_TIMEOUT_MS = 1_000;
/** How often the sentinels are asked whether the master is another. */
const MASTER_CHECK_MS = 1_000;

/** One attempt to connect and, where it succeeds, the connection. */
interface Connection {
  readonly life: AbortController;
  cancelTimer: () => void;
  link: RedisLink | undefined;
  connectedAt: number;
}

/**
 * The bus on Redis Pub/Sub. It connects by itself, and again after each loss, for as long as it is not closed; `publish`
 * rejects with `bus_unavailable` meanwhile, and `subscribe` waits. A server that hangs is not noticed here (see
 * `ProbedBus`), but fills no memory. Empty frames are not delivered.
 */
export class RedisBroadcastBus implements ReconnectableBus {
  readonly maxFrameBytes = REDIS_MAX_FRAME_BYTES;
  readonly #options: RedisBusOptions;
  readonly #target: RedisTarget;
  readonly #sentinels: RedisSentinels | undefined;
  readonly #unacknowledgedBytesMax: number;
  readonly #reconnect: BackoffLimits;
  readonly #timing: Timing;
  readonly #handlers = new FrameHandlers();
  readonly #listeners = new StateListeners();
  #unacknowledgedBytes = 0;
  #waiting: PromiseWithResolvers<void>[] = [];
  #state: BusState = "connecting";
  #connection: Connection | undefined;
  #attempt = 0;
  #fault = "not yet connected";
  #toldFault: string | undefined;
  #cancelReconnect: () => void = () => {};

  /** Throws where the URL is none of Redis. */
  constructor(options: RedisBusOptions) {
    this.#options = options;
    this.#target = targetOf(options);
    this.#unacknowledgedBytesMax = options.unacknowledgedBytesMax ?? UNACKNOWLEDGED_BYTES_MAX;
    this.#reconnect = { ...RECONNECT, ...options };
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#sentinels = sentinelsOf(this.#target, options.ca, this.#timing);
    this.#connect();
  }

  get state(): BusState {
    return this.#state;
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#listeners.add(listener);
  }

  async publish(frame: Uint8Array): Promise<void> {
    if (this.#state === "closed") throw closedError();
    if (frame.length > this.maxFrameBytes) {
      throw new BusError("frame_too_large", `a frame of ${frame.length} bytes`);
    }
    const connection = this.#connection;
    if (connection?.link === undefined) {
      throw new BusError("bus_unavailable", `Redis is not connected: ${this.#fault}`);
    }
    const bytes = frame.length + UNACKNOWLEDGED_OVERHEAD_BYTES;
    if (this.#unacknowledgedBytes > 0 && this.#unacknowledgedBytes + bytes > this.#unacknowledgedBytesMax) {
      throw new BusError("bus_full", `${this.#unacknowledgedBytes} bytes are not acknowledged`);
    }
    this.#unacknowledgedBytes += bytes;
    try {
      await connection.link.publish(frame);
    } catch (error) {
      // Also where Redis has answered with an error: what refuses one frame is of no use as a bus.
      this.#lost(connection, asError(error));
      const isClosed = connection.life.signal.reason instanceof BusError;
      const code: BusErrorCode = isClosed ? "bus_closed" : "bus_unavailable";
      throw new BusError(
        code,
        `Redis has not taken a frame: ${asError(connection.life.signal.reason).message}`,
        {
          cause: error,
        },
      );
    } finally {
      this.#unacknowledgedBytes -= bytes;
    }
  }

  /** Resolves when the bus is connected; rejects only with `bus_closed`. */
  async subscribe(onFrame: (frame: Uint8Array) => void): Promise<BusSubscription> {
    if (this.#state === "closed") throw closedError();
    const remove = this.#handlers.add(onFrame);
    if (this.#state !== "connected") {
      const connected = Promise.withResolvers<void>();
      this.#waiting.push(connected);
      await connected.promise;
    }
    return {
      close: () => {
        remove();
        return Promise.resolve();
      },
    };
  }

  reconnect(reason: string): void {
    if (this.#connection?.link !== undefined) this.#lost(this.#connection, new Error(reason));
  }

  close(): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    this.#cancelReconnect();
    this.#setState("closed");
    this.#end(closedError());
    this.#sentinels?.close();
    this.#handlers.clear();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closedError());
    this.#listeners.clear();
    return Promise.resolve();
  }

  #connect(): void {
    const timeoutMs = this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const life = new AbortController();
    const connection: Connection = { life, cancelTimer: () => {}, link: undefined, connectedAt: 0 };
    this.#connection = connection;
    connection.cancelTimer = this.#timing.schedule(timeoutMs, () =>
      this.#lost(connection, new Error(`not connected within ${timeoutMs} ms`)),
    );
    this.#open(connection).catch((error: unknown) => this.#lost(connection, asError(error)));
  }

  async #open(connection: Connection): Promise<void> {
    const host = (await this.#sentinels?.master()) ?? this.#target.hosts[0];
    if (host === undefined) throw new Error("the URL has no host");
    const { isTls, username, password } = this.#target;
    const link = await RedisLink.open(
      {
        ...{ host, isTls, username, password },
        ca: this.#options.ca,
        tlsAnyName: this.#options.tlsAnyName,
        channel: this.#options.channel,
        mustBeMaster: this.#sentinels !== undefined,
        onFrame: (frame) => {
          if (this.#connection === connection) this.#handlers.deliver(frame);
        },
        onLost: (error) => this.#lost(connection, error),
      },
      connection.life.signal,
    );
    if (this.#connection !== connection) return;
    connection.cancelTimer();
    connection.link = link;
    connection.connectedAt = this.#timing.now();
    if (this.#sentinels !== undefined) this.#checkMasterLater(connection, host, this.#sentinels);
    this.#toldFault = undefined;
    this.#setState("connected");
    for (const waiting of this.#waiting.splice(0)) waiting.resolve();
  }

  /** A master that was cut off from its sentinels still answers, and half of the cluster may be on another one. */
  #checkMasterLater(connection: Connection, host: RedisHost, sentinels: RedisSentinels): void {
    connection.cancelTimer = this.#timing.schedule(MASTER_CHECK_MS, () => {
      sentinels
        .master()
        .then((master) => {
          if (master.host === host.host && master.port === host.port) return;
          this.#lost(connection, new Error("the sentinels name another master"));
        })
        // Without its sentinels a master is as good as before.
        .catch(() => {})
        .finally(() => {
          if (this.#connection === connection) this.#checkMasterLater(connection, host, sentinels);
        });
    });
  }

  #lost(connection: Connection, error: Error): void {
    if (connection !== this.#connection) return;
    this.#end(error);
    this.#fault = error.message;
    // One that breaks as soon as it stands is no better than one that never stood.
    const wasConnected = connection.link !== undefined;
    const isSettled =
      wasConnected && this.#timing.now() - connection.connectedAt > this.#reconnect.retryMaxMs;
    if (isSettled) this.#attempt = 0;
    const delayMs = backoffMs(this.#attempt++, this.#reconnect, this.#timing.random);
    this.#cancelReconnect = this.#timing.schedule(delayMs, () => this.#connect());
    if (this.#toldFault !== this.#fault) {
      this.#toldFault = this.#fault;
      this.#options.onProblem?.(`Redis is not connected: ${this.#fault}`);
    }
    // Last, for a listener may close the bus.
    if (wasConnected) this.#setState("disconnected");
  }

  /**
   * What was sent may or may not have arrived, so all of it counts as not accepted: repeats are harmless. Aborting
   * rejects it.
   */
  #end(reason: Error): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.cancelTimer();
    connection?.life.abort(reason);
  }

  #setState(state: BusState): void {
    this.#state = state;
    this.#listeners.tell(state);
  }
}

function targetOf({ url, username, password }: RedisBusOptions): RedisTarget {
  const parsed = parseRedisUrl(url);
  if ("fault" in parsed) throw new Error(`the URL of the bus: ${parsed.fault}`);
  return {
    ...parsed.target,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}

function sentinelsOf(
  target: RedisTarget,
  ca: string | undefined,
  timing: Timing,
): RedisSentinels | undefined {
  const { masterName } = target;
  if (masterName === undefined) return undefined;
  return new RedisSentinels({ ...target, masterName, ca, timeoutMs: SENTINEL_TIMEOUT_MS, timing });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
