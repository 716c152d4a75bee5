import { type BackoffLimits, backoffMs } from "./backoff.ts";
import { BusError, type BusState, type BusSubscription, closedError, type ReconnectableBus } from "./bus.ts";
import { Fifo } from "./fifo.ts";
import { FrameHandlers } from "./frameHandlers.ts";
import { NatsLink, type NatsLogin } from "./natsLink.ts";
import { type NatsTarget, parseNatsUrl } from "./natsUrl.ts";
import { StateListeners } from "./stateListeners.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface NatsBusOptions extends Partial<BackoffLimits> {
  /** `nats://` or `tls://`, with one or several servers (see `natsUrl.ts`). */
  readonly url: string;
  readonly subject: string;
  /** PEM text of the authority that signed the servers' certificates. TLS is demanded then. */
  readonly ca?: string | undefined;
  /** A login given here goes before that of the URL. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** What a creds file holds, or the seed of an nkey. */
  readonly credentials?: string | undefined;
  /** Frames that the server has not acknowledged; `publish` rejects with `bus_full` beyond it. */
  readonly unacknowledgedBytesMax?: number;
  /** For each address of a server. */
  readonly connectTimeoutMs?: number;
  /** Told why the bus is not connected, once for each reason, and when a server takes less than others do. */
  readonly onProblem?: (problem: string) => void;
  readonly timing?: Timing;
}

/** What a server takes by default. No more is used where it takes more, so that all servers of a cluster do. */
const MAX_FRAME_BYTES = 1024 * 1024;
const UNACKNOWLEDGED_BYTES_MAX = 16 * 1024 * 1024;
/** What an unacknowledged frame takes beside its bytes, so that many tiny frames are bounded too. */
const UNACKNOWLEDGED_OVERHEAD_BYTES = 256;
const CONNECT_TIMEOUT_MS = 2_000;
/** A server has so many times the above to let us in and confirm the subscription: its name may have several addresses. */
const READY_TIMEOUTS = 3;
const RECONNECT: BackoffLimits = { retryMinMs: 100, retryMaxMs: 2_000 };

interface Unacknowledged {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: BusError) => void;
}

/**
 * The bus on NATS core. A publish has no acknowledgement of its own there, so a frame counts as accepted when the
 * server has answered a ping sent after it; one ping is on its way at a time and covers all frames before it. It
 * connects by itself, to one server after another, and again after each loss, for as long as it is not closed;
 * `publish` rejects with `bus_unavailable` meanwhile, and `subscribe` waits. A server that hangs fills no memory, and is
 * noticed soon by `ProbedBus`, here only after some seconds. Empty frames are not delivered.
 */
export class NatsBroadcastBus implements ReconnectableBus {
  readonly #options: NatsBusOptions;
  readonly #target: NatsTarget;
  readonly #login: NatsLogin;
  readonly #unacknowledgedBytesMax: number;
  readonly #connectTimeoutMs: number;
  readonly #reconnect: BackoffLimits;
  readonly #timing: Timing;
  readonly #handlers = new FrameHandlers();
  readonly #listeners = new StateListeners();
  readonly #unacknowledged = new Fifo<Unacknowledged>();
  #unacknowledgedBytes = 0;
  #isAcknowledging = false;
  /** `subscribe` calls from before it was connected. */
  #waiting: PromiseWithResolvers<void>[] = [];
  #state: BusState = "connecting";
  #fault = "not yet connected";
  #toldFault: string | undefined;
  #link: NatsLink | undefined;
  #serverMaxBytes = MAX_FRAME_BYTES;
  #nextServer: number;
  #attempt = 0;
  #connectedAtMs = 0;
  #cancelTimer: () => void = () => {};

  /** Throws where the URL or the subject is none of NATS. */
  constructor(options: NatsBusOptions) {
    this.#options = options;
    this.#target = targetOf(options);
    this.#login = loginOf(options, this.#target);
    this.#unacknowledgedBytesMax = options.unacknowledgedBytesMax ?? UNACKNOWLEDGED_BYTES_MAX;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#reconnect = { ...RECONNECT, ...options };
    this.#timing = options.timing ?? SYSTEM_TIMING;
    // Shards begin at servers of their own, so that they spread over a cluster.
    this.#nextServer = Math.floor(this.#timing.random() * this.#target.servers.length);
    this.#connect();
  }

  get state(): BusState {
    return this.#state;
  }

  /** The one that it is connected to, as `host:port`. */
  get server(): string | undefined {
    return this.#state === "connected" ? this.#link?.server : undefined;
  }

  /** Changes when a server takes less than usual. */
  get maxFrameBytes(): number {
    return Math.min(MAX_FRAME_BYTES, this.#link?.maxPayloadBytes ?? this.#serverMaxBytes);
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#listeners.add(listener);
  }

  publish(frame: Uint8Array): Promise<void> {
    if (this.#state === "closed") return Promise.reject(closedError());
    if (frame.length > this.maxFrameBytes) {
      const message = `a frame of ${frame.length} bytes, where NATS takes ${this.maxFrameBytes}`;
      return Promise.reject(new BusError("frame_too_large", message));
    }
    const link = this.#link;
    if (this.#state !== "connected" || link === undefined) {
      return Promise.reject(new BusError("bus_unavailable", `NATS is not connected: ${this.#fault}`));
    }
    const bytes = frame.length + UNACKNOWLEDGED_OVERHEAD_BYTES;
    if (this.#unacknowledged.length > 0 && this.#unacknowledgedBytes + bytes > this.#unacknowledgedBytesMax) {
      return Promise.reject(
        new BusError("bus_full", `${this.#unacknowledgedBytes} bytes are not acknowledged`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#unacknowledged.push({ bytes, resolve, reject });
      this.#unacknowledgedBytes += bytes;
      // Before the client's own microtask, so that frames and ping share a write.
      if (!this.#isAcknowledging) void this.#acknowledge(link);
      link.publish(frame);
    });
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
    if (this.#link !== undefined) this.#lost(this.#link, new Error(reason));
  }

  close(): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    this.#setState("closed");
    this.#dropLink(closedError());
    this.#handlers.clear();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closedError());
    this.#listeners.clear();
    return Promise.resolve();
  }

  #connect(): void {
    const { servers } = this.#target;
    const server = servers[this.#nextServer++ % servers.length];
    if (server === undefined) throw new Error("the URL has no server");
    const { subject, ca } = this.#options;
    const isTls = this.#target.isTls || ca !== undefined;
    const link: NatsLink = new NatsLink({
      server,
      subject,
      login: this.#login,
      ...(isTls && { tls: ca === undefined ? {} : { ca } }),
      connectTimeoutMs: this.#connectTimeoutMs,
      onOpen: () => void this.#opened(link),
      onFrame: (frame) => {
        if (frame.length > 0) this.#handlers.deliver(frame);
      },
      onLost: (reason) => this.#lost(link, reason),
    });
    this.#link = link;
    this.#cancelTimer = this.#timing.schedule(READY_TIMEOUTS * this.#connectTimeoutMs, () =>
      this.#lost(link, new Error("the server did not answer in time")),
    );
  }

  async #opened(link: NatsLink): Promise<void> {
    link.subscribe();
    // Whether we may publish is known only by doing it.
    link.publish(new Uint8Array(0));
    await link.flush();
    if (link !== this.#link) return;
    this.#cancelTimer();
    this.#connectedAtMs = this.#timing.now();
    this.#serverMaxBytes = link.maxPayloadBytes ?? MAX_FRAME_BYTES;
    if (this.#serverMaxBytes < MAX_FRAME_BYTES) {
      const message = `${link.server} takes only ${this.#serverMaxBytes} bytes (max_payload), and what is larger must be read from the log`;
      this.#options.onProblem?.(message);
    }
    this.#toldFault = undefined;
    this.#setState("connected");
    for (const waiting of this.#waiting.splice(0)) waiting.resolve();
  }

  #lost(link: NatsLink, reason: Error): void {
    if (link !== this.#link) return;
    this.#fault = reason.message;
    this.#dropLink(
      new BusError("bus_unavailable", `NATS has not taken a frame: ${this.#fault}`, { cause: reason }),
    );
    const wasConnected = this.#state === "connected";
    // What breaks soon after connecting, such as a forbidden publish, is not tried again at full speed.
    if (wasConnected && this.#timing.now() - this.#connectedAtMs > this.#reconnect.retryMaxMs)
      this.#attempt = 0;
    const delayMs = backoffMs(this.#attempt++, this.#reconnect, this.#timing.random);
    this.#cancelTimer = this.#timing.schedule(delayMs, () => this.#connect());
    if (this.#toldFault !== this.#fault) this.#options.onProblem?.(`${link.server}: ${this.#fault}`);
    this.#toldFault = this.#fault;
    // Last, for a listener may close the bus.
    if (wasConnected) this.#setState("disconnected");
  }

  /** What was sent may or may not have arrived, so all of it counts as not accepted: repeats are harmless. */
  #dropLink(error: BusError): void {
    const link = this.#link;
    this.#link = undefined;
    this.#cancelTimer();
    link?.close();
    this.#isAcknowledging = false;
    while (this.#unacknowledged.length > 0) this.#settle((frame) => frame.reject(error));
  }

  async #acknowledge(link: NatsLink): Promise<void> {
    this.#isAcknowledging = true;
    // All that is published in this run of code shares a ping.
    await undefined;
    while (link === this.#link && this.#unacknowledged.length > 0) {
      const covered = this.#unacknowledged.length;
      await link.flush();
      if (link !== this.#link) return;
      for (let left = covered; left > 0; left--) this.#settle((frame) => frame.resolve());
    }
    if (link === this.#link) this.#isAcknowledging = false;
  }

  #settle(end: (frame: Unacknowledged) => void): void {
    const frame = this.#unacknowledged.shift();
    if (frame === undefined) return;
    this.#unacknowledgedBytes -= frame.bytes;
    end(frame);
  }

  #setState(state: BusState): void {
    this.#state = state;
    this.#listeners.tell(state);
  }
}

/** A login that the options have takes the place of the URL's. */
function loginOf(options: NatsBusOptions, target: NatsTarget): NatsLogin {
  const isOwn = [options.username, options.token, options.credentials].some((one) => one !== undefined);
  const { username, password, token } = isOwn
    ? options
    : { ...target, password: options.password ?? target.password };
  const { credentials } = options;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(token !== undefined && { token }),
    ...(credentials !== undefined && { credentials }),
  };
}

function targetOf({ url, subject }: NatsBusOptions): NatsTarget {
  const parsed = parseNatsUrl(url);
  if ("fault" in parsed) throw new Error(`the URL of the bus: ${parsed.fault}`);
  // No spaces, no wildcards, no empty part between dots.
  if (!/^[^\s.*>]+(?:\.[^\s.*>]+)*$/.test(subject)) throw new Error(`${subject} is no subject of NATS`);
  return parsed.target;
}
