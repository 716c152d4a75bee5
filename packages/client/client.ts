import { isChannelName, isChannelPattern } from "@shardcast/protocol/channel";
import { ABNORMAL_CLOSE, isFinalClose, TOKEN_EXPIRED_CLOSE } from "@shardcast/protocol/closeCodes";
import type { DataMessage, ServerMessage } from "@shardcast/protocol/messages";
import { Addresses } from "./addresses.ts";
import { Backoff } from "./backoff.ts";
import { Channels } from "./channels.ts";
import { Connection } from "./connection.ts";
import type { Encoding } from "./encoding.ts";
import { ShardcastError } from "./errors.ts";
import { type ClientEvents, type CloseEvent, Emitter, type GapEvent, type Status } from "./events.ts";
import { newPromise } from "./newPromise.ts";
import type { ClientStats, ConnectOptions } from "./options.ts";
import { Sink, type SubscribeOptions, type Subscription } from "./subscription.ts";
import type { WebSocketConstructor } from "./webSocket.ts";

/**
 * Connects, and stays connected until `close`. Of several URLs, which must lead to the same log, such as those of several
 * regions, the first that works is kept, and another one tried when it fails. Returns at once: subscriptions made
 * meanwhile wait for the connection. Throws where there is no WebSocket, no URL, or one that is not valid.
 */
export function connect(url: string | readonly string[], options: ConnectOptions = {}): Client {
  const urls = (typeof url === "string" ? [url] : url).map(webSocketUrl);
  if (urls.length === 0) throw new TypeError("connect needs a URL");
  const WebSocket: WebSocketConstructor | undefined = options.WebSocket ?? globalThis.WebSocket;
  if (WebSocket === undefined) throw new TypeError("no WebSocket in this runtime: pass one as an option");
  return new Client(urls, WebSocket, options);
}

export class Client {
  readonly #urls: readonly string[];
  readonly #addresses: Addresses;
  readonly #WebSocket: WebSocketConstructor;
  readonly #options: ConnectOptions;
  readonly #events = new Emitter<ClientEvents>();
  readonly #backoff: Backoff;
  readonly #channels: Channels;
  readonly #counts = { messages: 0, reconnects: 0, gaps: 0, errors: 0, repeated: 0 };
  readonly #closed = newPromise<void>();
  /** Undefined where messages come plain. */
  #encoding: Encoding | undefined;
  #connection: Connection | undefined;
  #status: Status = "connecting";
  #closing = false;
  #unguardedReported = false;
  #welcomed = 0;
  /** Whether the present connection came about. */
  #welcomedNow = false;
  /** Whether it was told that none comes about. */
  #failureTold = false;
  #openTimer: ReturnType<typeof setTimeout> | undefined;
  #stableTimer: ReturnType<typeof setTimeout> | undefined;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the present connection has lasted. */
  #stable = false;
  #instance: string | undefined;
  /** It holds too many clients. An address that leads to it again is its own, and no load balancer's. */
  #leaving = false;
  /** The server asked not to be visited before this time of `performance.now`. */
  #comeBackAtMs = 0;

  /** Use `connect`. */
  constructor(urls: readonly string[], WebSocket: WebSocketConstructor, options: ConnectOptions) {
    this.#urls = urls;
    this.#addresses = new Addresses(urls, options.returnAfterMs ?? 300_000);
    this.#WebSocket = WebSocket;
    this.#options = options;
    this.#encoding = options.encoding?.isAvailable() ? options.encoding : undefined;
    const random = options.random ?? Math.random;
    this.#backoff = new Backoff(options.backoff ?? {}, random);
    this.#channels = new Channels(
      {
        onGap: (gap) => this.#onGap(gap),
        onError: (error) => this.#onError(error),
        onRepeated: () => this.#counts.repeated++,
        onUnguarded: (channel) => this.#onUnguarded(channel),
      },
      new Backoff(options.backoff ?? {}, random),
    );
    if (options.onStatus !== undefined) this.on("status", options.onStatus);
    if (options.onGap !== undefined) this.on("gap", options.onGap);
    if (options.onError !== undefined) this.on("error", options.onError);
    this.#open();
  }

  get status(): Status {
    return this.#status;
  }

  /** The address of the present connection, or of the one that is tried next. */
  get url(): string {
    return this.#addresses.url;
  }

  get stats(): ClientStats {
    return { ...this.#counts };
  }

  /** Returns a function that removes the listener. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Subscribes to a channel, or with a name that ends in `.*` to all channels that begin so. Without a handler the
   * result is read with `for await`. Throws `ShardcastError`: `channel_invalid`, `already_subscribed`, `closed`.
   */
  subscribe<T = unknown>(
    channel: string,
    handler: (message: DataMessage<T>) => void,
    options?: SubscribeOptions,
  ): Subscription<T>;
  subscribe<T = unknown>(channel: string, options?: SubscribeOptions): Subscription<T>;
  subscribe<T>(
    channel: string,
    handlerOrOptions: ((message: DataMessage<T>) => void) | SubscribeOptions = {},
    optionsOfHandler: SubscribeOptions = {},
  ): Subscription<T> {
    if (!isChannelName(channel) && !isChannelPattern(channel)) {
      throw new ShardcastError("channel_invalid", "not a channel name or pattern", { channel });
    }
    if (this.#closing || this.#status === "closed")
      throw new ShardcastError("closed", "the client is closed");
    const handler = typeof handlerOrOptions === "function" ? handlerOrOptions : undefined;
    const options = typeof handlerOrOptions === "function" ? optionsOfHandler : handlerOrOptions;
    const { since } = options;
    const sink = new Sink<T>(channel, handler, options, {
      leave: (recipient) => this.#channels.leave(recipient),
      missed: (recipient, gap) => {
        recipient.gap(gap);
        this.#onGap(gap);
      },
      report: (error) => this.#onError(error),
    });
    this.#channels.join(sink, typeof since === "string" ? [since] : since);
    return sink;
  }

  /** Ends all subscriptions and the connection. Resolves when it is closed, at the latest after `closeTimeoutMs`. */
  close(): Promise<void> {
    if (this.#closing || this.#status === "closed") return this.#closed.promise;
    this.#closing = true;
    this.#channels.close(new ShardcastError("closed", "the client is closed"), true);
    if (this.#connection === undefined) this.#finish({ code: 1000, reason: "closed" });
    else this.#connection.close(this.#options.closeTimeoutMs ?? 2000);
    return this.#closed.promise;
  }

  #open(): void {
    this.#comeBackAtMs = 0;
    const { token } = this.#options;
    if (typeof token !== "function") {
      this.#connect(token);
      return;
    }
    this.#askToken(token).then(
      (given) => this.#connect(given),
      (error: unknown) => {
        if (this.#status !== "closed") this.#onEnd(ABNORMAL_CLOSE, "no token", String(error), false);
      },
    );
  }

  /** A function that never answers would hold the client for ever. */
  async #askToken(token: () => string | Promise<string>): Promise<string> {
    const late = newPromise<never>();
    const timer = setTimeout(
      () => late.reject(new Error("no token in time")),
      this.#options.connectTimeoutMs ?? 10_000,
    );
    try {
      return await Promise.race([token(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Where it fails, the server ends the connection in time, and the next one asks anew. */
  #renewToken(connection: Connection | undefined): void {
    const { token } = this.#options;
    if (typeof token !== "function") return;
    this.#askToken(token).then(
      (given) => connection?.send({ type: "auth", id: connection.nextId(), token: given }),
      (cause: unknown) =>
        this.#onError(new ShardcastError("token_failed", `no new token: ${cause}`, { cause })),
    );
  }

  #connect(token: string | undefined): void {
    if (this.#status === "closed") return;
    const connection = new Connection(
      this.url,
      {
        WebSocket: this.#WebSocket,
        token,
        encoding: this.#encoding,
        connectTimeoutMs: this.#options.connectTimeoutMs ?? 10_000,
        pongTimeoutMs: this.#options.pongTimeoutMs ?? 10_000,
      },
      {
        onWelcome: (instance) => this.#onWelcome(connection, instance),
        onMessage: (message) => this.#onMessage(message),
        onMalformed: (error, isLost) => {
          if (isLost) this.#encoding = undefined;
          this.#onError(error);
        },
        onEnd: (code, reason, fault, isSilent) => this.#onEnd(code, reason, fault, isSilent),
      },
    );
    this.#connection = connection;
  }

  #onWelcome(connection: Connection, instance: string): void {
    if (this.#closing) return;
    const isBack = this.#leaving && this.#instance === instance;
    this.#leaving = false;
    // As one that failed, so that the next address is tried at once, and this one again should no other answer.
    if (isBack && this.#urls[1]) return connection.drop("rebalancing");
    this.#instance = instance;
    this.#welcomedNow = true;
    this.#failureTold = false;
    if (this.#welcomed++ > 0) this.#counts.reconnects++;
    // A connection that breaks soon again, such as one of a client that is too slow, keeps backing off.
    this.#stableTimer = setTimeout(() => {
      this.#stable = true;
      this.#backoff.reset();
    }, this.#options.backoff?.stableMs ?? 10_000);
    this.#setStatus("connected");
    this.#channels.connected(connection);
  }

  #onMessage(message: ServerMessage): void {
    if (this.#closing) return;
    if (message.type === "message") this.#counts.messages++;
    if (message.type === "reconnect") this.#onReconnectNotice(message.afterMs, message.reason);
    else if (message.type === "token_expiring") this.#renewToken(this.#connection);
    else this.#channels.receive(message);
  }

  /**
   * The server wants this client to move. It stays, and receives, for the given time, so that the clients of a
   * draining server move one by one; should the server close earlier, it is not visited before that time either.
   */
  #onReconnectNotice(afterMs: number, reason: string): void {
    this.#comeBackAtMs = performance.now() + afterMs;
    this.#leaving = reason === "rebalancing";
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => this.#connection?.drop(reason), afterMs);
  }

  #onEnd(code: number, reason: string, fault: string, isSilent: boolean): void {
    const cameAbout = this.#welcomedNow;
    const isTold = this.#comeBackAtMs > 0;
    const movesFromStable = isTold && this.#stable;
    const isGood = !isSilent && (this.#stable || isTold || code !== ABNORMAL_CLOSE);
    this.#stable = this.#welcomedNow = false;
    this.#connection = undefined;
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#moveTimer);
    if (this.#closing) {
      this.#finish({ code, reason });
      return;
    }
    // With the same token it would be refused for ever.
    const isOver = code === TOKEN_EXPIRED_CLOSE && typeof this.#options.token !== "function";
    if (isOver || isFinalClose(code)) {
      const error = new ShardcastError("closed", `the server closed the connection: ${code} ${reason}`);
      this.#channels.close(error, false);
      this.#onError(error);
      this.#finish({ code, reason });
      return;
    }
    this.#channels.disconnected();
    const nowMs = performance.now();
    const ending = cameAbout ? (isGood ? "good" : "doubtful") : "failed";
    const isRoundOver = !this.#addresses.next(ending, nowMs);
    // The next address of a round needs no backoff, and neither does a move off a connection that has lasted: a server
    // may send everybody away at once.
    const backoffMs = movesFromStable || !isRoundOver ? 0 : this.#backoff.nextDelayMs();
    const delayMs = Math.max(backoffMs, this.#comeBackAtMs - nowMs);
    this.#openTimer = setTimeout(() => this.#open(), delayMs);
    // Listeners may close the client, so they come last.
    this.#setStatus("reconnecting");
    if (isRoundOver && !cameAbout) this.#tellFailure(reason || fault || `${code}`);
    if (this.#status === "reconnecting")
      this.#events.emit("reconnect", {
        attempt: this.#backoff.attempt,
        delayMs,
        code,
        reason,
        url: this.url,
      });
  }

  /** That no address answers is told once, until one does; after that it is only counted by `reconnect`. */
  #tellFailure(why: string): void {
    if (this.#failureTold || this.#status !== "reconnecting") return;
    this.#failureTold = true;
    const message = `no connection to ${this.#urls.join(", ")}: ${why}; trying again`;
    this.#onError(new ShardcastError("connect_failed", message));
  }

  #finish(event: CloseEvent): void {
    clearTimeout(this.#openTimer);
    // A listener that was told of the error may have closed the client already.
    if (this.#status === "closed") return;
    this.#setStatus("closed");
    this.#events.emit("close", event);
    this.#closed.resolve();
  }

  #setStatus(status: Status): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#events.emit("status", status);
  }

  #onGap(gap: GapEvent): void {
    this.#counts.gaps++;
    this.#events.emit("gap", gap);
  }

  #onError(error: ShardcastError): void {
    this.#counts.errors++;
    this.#events.emit("error", error);
  }

  #onUnguarded(channel: string): void {
    if (this.#unguardedReported) return;
    this.#unguardedReported = true;
    this.#onError(
      new ShardcastError("guard_overflow", `too many channels in ${channel} to remember during a resume`, {
        channel,
      }),
    );
  }
}

/** Accepts `http` and `https`, too, because new runtimes do and old ones throw. */
function webSocketUrl(url: string): string {
  return new URL(url).href.replace(/^http/, "ws");
}
