import { isChannelName, isChannelPattern } from "@shardcast/protocol/channel";
import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import type { DataMessage, ServerMessage } from "@shardcast/protocol/messages";
import { Backoff } from "./backoff.ts";
import { Channels } from "./channels.ts";
import { Connection } from "./connection.ts";
import { ShardcastError } from "./errors.ts";
import { type ClientEvents, type CloseEvent, Emitter, type GapEvent, type Status } from "./events.ts";
import { newPromise } from "./newPromise.ts";
import type { ClientStats, ConnectOptions } from "./options.ts";
import { Sink, type SubscribeOptions, type Subscription } from "./subscription.ts";
import type { WebSocketConstructor } from "./webSocket.ts";

/**
 * Connects, and stays connected until `close`. Several URLs are tried in turn. Returns at once: subscriptions made
 * meanwhile wait for the connection. Throws where there is no WebSocket, no URL, or none that is valid.
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
  readonly #WebSocket: WebSocketConstructor;
  readonly #options: ConnectOptions;
  readonly #events = new Emitter<ClientEvents>();
  readonly #backoff: Backoff;
  readonly #channels: Channels;
  readonly #counts = { messages: 0, reconnects: 0, gaps: 0, errors: 0, repeated: 0 };
  readonly #closed = newPromise<void>();
  #connection: Connection | undefined;
  #status: Status = "connecting";
  #closing = false;
  #unguardedReported = false;
  #welcomed = 0;
  /** Whether the present connection came about. */
  #welcomedNow = false;
  /** Whether it was told that none comes about. */
  #failureTold = false;
  /** Connections tried: picks the URL. */
  #tried = 0;
  #openTimer: ReturnType<typeof setTimeout> | undefined;
  #stableTimer: ReturnType<typeof setTimeout> | undefined;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the present connection has lasted. */
  #stable = false;
  /** The server asked not to be visited before this time of `performance.now`. */
  #comeBackAtMs = 0;

  /** Use `connect`. */
  constructor(urls: readonly string[], WebSocket: WebSocketConstructor, options: ConnectOptions) {
    this.#urls = urls;
    this.#WebSocket = WebSocket;
    this.#options = options;
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
    const url = this.#urls[this.#tried++ % this.#urls.length];
    if (url === undefined) return;
    this.#comeBackAtMs = 0;
    const connection = new Connection(
      url,
      {
        WebSocket: this.#WebSocket,
        connectTimeoutMs: this.#options.connectTimeoutMs ?? 10_000,
        pongTimeoutMs: this.#options.pongTimeoutMs ?? 10_000,
      },
      {
        onWelcome: () => this.#onWelcome(connection),
        onMessage: (message) => this.#onMessage(message),
        onMalformed: (error) => this.#onError(error),
        onEnd: (code, reason, fault) => {
          const complaint = this.#failureOf(url, code, reason, fault);
          this.#onEnd(code, reason, complaint);
        },
      },
    );
    this.#connection = connection;
  }

  #onWelcome(connection: Connection): void {
    if (this.#closing) return;
    this.#welcomedNow = true;
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
    else this.#channels.receive(message);
  }

  /**
   * The server wants this client to move. It stays, and receives, for the given time, so that the clients of a
   * draining server move one by one; should the server close earlier, it is not visited before that time either.
   */
  #onReconnectNotice(afterMs: number, reason: string): void {
    this.#comeBackAtMs = performance.now() + afterMs;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => this.#connection?.drop(reason), afterMs);
  }

  /** The first failure since a connection came about; the next ones are only counted by `reconnect`. */
  #failureOf(url: string, code: number, reason: string, fault: string): ShardcastError | undefined {
    const isFirst = !this.#welcomedNow && !this.#failureTold;
    this.#failureTold = !this.#welcomedNow;
    this.#welcomedNow = false;
    if (!isFirst) return undefined;
    const why = [reason, fault].find((text) => text !== "") ?? `${code}`;
    return new ShardcastError("connect_failed", `no connection to ${url}: ${why}; trying again`);
  }

  #onEnd(code: number, reason: string, failure: ShardcastError | undefined): void {
    const movesFromStable = this.#comeBackAtMs > 0 && this.#stable;
    this.#stable = false;
    this.#connection = undefined;
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#moveTimer);
    if (this.#closing) {
      this.#finish({ code, reason });
      return;
    }
    const meaning = Object.values(CLOSE_CODES).find((known) => known.code === code);
    if (meaning?.comeBack === false) {
      const error = new ShardcastError("closed", `the server closed the connection: ${code} ${reason}`);
      this.#channels.close(error, false);
      this.#onError(error);
      this.#finish({ code, reason: reason === "" ? meaning.reason : reason });
      return;
    }
    this.#channels.disconnected();
    // Only a move off a connection that has lasted needs no backoff: a server may send everybody away at once.
    const backoffMs = movesFromStable ? 0 : this.#backoff.nextDelayMs();
    const delayMs = Math.max(backoffMs, this.#comeBackAtMs - performance.now());
    this.#openTimer = setTimeout(() => this.#open(), delayMs);
    // Listeners may close the client, so they come last.
    this.#setStatus("reconnecting");
    if (this.#status === "reconnecting" && failure !== undefined) this.#onError(failure);
    if (this.#status === "reconnecting")
      this.#events.emit("reconnect", { attempt: this.#backoff.attempt, delayMs, code, reason });
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
