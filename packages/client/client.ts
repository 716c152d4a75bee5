import { isChannelName, isChannelPattern } from "@shardcast/protocol/channel";
import { ABNORMAL_CLOSE, isFinalClose, TOKEN_EXPIRED_CLOSE } from "@shardcast/protocol/closeCodes";
import type { ServerMessage } from "@shardcast/protocol/messages";
import { Addresses } from "./addresses.ts";
import { Backoff } from "./backoff.ts";
import { Channels } from "./channels.ts";
import { Connection } from "./connection.ts";
import type { Encoding } from "./encoding.ts";
import { ShardcastError } from "./errors.ts";
import { type ClientEvents, type CloseEvent, Emitter, type GapEvent, type Status } from "./events.ts";
import { newPromise } from "./newPromise.ts";
import type { ClientStats, ConnectOptions } from "./options.ts";
import { type MessageHandler, Sink, type SubscribeOptions, type Subscription } from "./subscription.ts";
import { askToken } from "./token.ts";
import { isOffline, onWake } from "./wake.ts";
import type { WebSocketConstructor } from "./webSocket.ts";

export type { DataMessage } from "@shardcast/protocol/messages";
export type { Encoding } from "./encoding.ts";
export type { ShardcastErrorCode } from "./errors.ts";
export type { ClientEvents, CloseEvent, GapEvent, ReconnectEvent, Status } from "./events.ts";
export type { ClientStats, ConnectOptions, TokenContext, TokenSource } from "./options.ts";
export type { Ready } from "./recipient.ts";
export type { Schema, StandardSchema } from "./schema.ts";
export type { MessageHandler, SubscribeOptions, Subscription } from "./subscription.ts";
export { ShardcastError };

/**
 * Connects, and stays connected until `close`. Of several URLs, which must lead to the same log, such as those of several
 * regions, the first that works is kept, and another one tried when it fails. Returns at once: subscriptions made
 * meanwhile wait for the connection. Throws where there is no WebSocket, no URL, or one that is not valid.
 */
export function connect(url: string | readonly string[], options: ConnectOptions = {}): Client {
  return new Client([url].flat().map(webSocketUrl), options);
}

export class Client {
  readonly #addresses: Addresses;
  readonly #options: ConnectOptions;
  readonly #WebSocket: WebSocketConstructor;
  readonly #events = new Emitter<ClientEvents>();
  readonly #backoff: Backoff;
  readonly #channels: Channels;
  readonly #counts = { messages: 0, reconnects: 0, gaps: 0, errors: 0, repeated: 0 };
  readonly #closed = newPromise<void>();
  /** Aborts when the client is closed. */
  readonly #life = new AbortController();
  /** Undefined where messages come plain. */
  #encoding: Encoding | undefined;
  #connection: Connection | undefined;
  #status: Status = "connecting";
  #wasConnected = false;
  #instance: string | undefined;
  /** It holds too many clients. An address that leads to it again is its own, and no load balancer's. */
  #fullInstance: string | undefined;
  /** When the present connection came about, of `performance.now`; undefined where it has not. */
  #welcomedAtMs: number | undefined;
  /** Whether it was told that no connection comes about. */
  #failureTold = false;
  /** Opens the next connection, or leaves the present one as the server wishes. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the next connection is due; without end while there is no network. */
  #dueAtMs = 0;
  /** The server asked not to be visited before. */
  #comeBackAtMs = 0;

  /** Use `connect`. */
  constructor(urls: readonly string[], options: ConnectOptions) {
    const { backoff = {}, random = Math.random, encoding, signal, onStatus, onGap, onError } = options;
    signal?.throwIfAborted();
    const WebSocket: WebSocketConstructor | undefined = options.WebSocket ?? globalThis.WebSocket;
    if (urls.length === 0) throw new TypeError("no URL");
    // Such as Node 20: a package, `ws` for one, has it there.
    if (WebSocket === undefined) throw new TypeError("no WebSocket here: give `connect` one as `WebSocket`");
    this.#WebSocket = WebSocket;
    this.#addresses = new Addresses(urls, options.returnAfterMs ?? 300_000);
    this.#options = options;
    this.#encoding = encoding?.isAvailable() ? encoding : undefined;
    this.#backoff = new Backoff(backoff, random);
    this.#channels = new Channels(
      {
        onGap: (gap) => this.#onGap(gap),
        onError: (error) => this.#onError(error),
        onRepeated: () => this.#counts.repeated++,
      },
      new Backoff(backoff, random),
    );
    if (onStatus !== undefined) this.on("status", onStatus);
    if (onGap !== undefined) this.on("gap", onGap);
    if (onError !== undefined) this.on("error", onError);
    signal?.addEventListener("abort", () => void this.close(), { signal: this.#life.signal });
    onWake(() => this.#wake(), this.#life.signal);
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
   * result is read with `for await`. Throws `ShardcastError`: `channel_invalid`, `already_subscribed`, `policy_conflict`,
   * `closed`; and the reason of a `signal` that was aborted before.
   */
  subscribe<T = unknown>(
    channel: string,
    handler: MessageHandler<T>,
    options?: SubscribeOptions<T>,
  ): Subscription<T>;
  subscribe<T = unknown>(channel: string, options?: SubscribeOptions<T>): Subscription<T>;
  subscribe<T>(
    channel: string,
    handlerOrOptions?: MessageHandler<T> | SubscribeOptions<T>,
    optionsOfHandler?: SubscribeOptions<T>,
  ): Subscription<T> {
    const handler = typeof handlerOrOptions === "function" ? handlerOrOptions : undefined;
    const options = (typeof handlerOrOptions === "function" ? optionsOfHandler : handlerOrOptions) ?? {};
    const { since, signal } = options;
    signal?.throwIfAborted();
    if (!isChannelName(channel) && !isChannelPattern(channel)) {
      throw new ShardcastError("channel_invalid", undefined, channel);
    }
    if (this.#isOver) throw new ShardcastError("closed");
    const sink = new Sink<T>(channel, handler, options, this.#channels);
    this.#channels.join(sink, typeof since === "string" ? [since] : since);
    return sink;
  }

  /** Ends all subscriptions and the connection. Resolves when it is closed, at the latest after `closeTimeoutMs`. */
  close(): Promise<void> {
    if (!this.#isOver) {
      this.#life.abort();
      this.#channels.close(new ShardcastError("closed"), true);
      if (this.#connection === undefined) this.#finish({ code: 1000, reason: "closed" });
      else this.#connection.close(this.#options.closeTimeoutMs ?? 2000);
    }
    return this.#closed.promise;
  }

  /** Closed, or about to be. */
  get #isOver(): boolean {
    return this.#life.signal.aborted;
  }

  #open(): void {
    if (isOffline(this.url)) {
      this.#dueAtMs = Number.POSITIVE_INFINITY;
      this.#tellFailure("offline");
      return;
    }
    this.#comeBackAtMs = 0;
    askToken(this.#options, this.#life.signal)
      .then((token) => this.#connect(token))
      .catch((error: unknown) => {
        if (!this.#isOver) this.#onEnd(ABNORMAL_CLOSE, "no attempt", false, `${error}`);
      });
  }

  #connect(token: string | undefined): void {
    if (this.#isOver) return;
    const { connectTimeoutMs = 10_000, pongTimeoutMs = 10_000 } = this.#options;
    const connection = new Connection(
      this.url,
      { WebSocket: this.#WebSocket, token, encoding: this.#encoding, connectTimeoutMs, pongTimeoutMs },
      {
        onWelcome: (instance) => this.#onWelcome(connection, instance),
        onMessage: (message) => this.#onMessage(message, connection),
        onMalformed: (error, isLost) => {
          if (isLost) this.#encoding = undefined;
          this.#onError(error);
        },
        onEnd: (...end) => this.#onEnd(...end),
      },
    );
    this.#connection = connection;
  }

  #onWelcome(connection: Connection, instance: string): void {
    const isBack = instance === this.#fullInstance && this.#addresses.urls.length > 1;
    this.#fullInstance = undefined;
    // As one that failed, so that the next address is tried at once, and this one again should no other answer.
    if (isBack) return connection.drop("rebalancing");
    this.#instance = instance;
    this.#welcomedAtMs = performance.now();
    this.#failureTold = false;
    if (this.#wasConnected) this.#counts.reconnects++;
    this.#wasConnected = true;
    this.#setStatus("connected");
    this.#channels.connected(connection);
  }

  #onMessage(message: ServerMessage, connection: Connection): void {
    if (message.type === "message") this.#counts.messages++;
    if (message.type === "reconnect") {
      // It stays, and receives, for the given time, so that the clients of a draining server move one by one; should the
      // server close earlier, it is not visited before that time either.
      this.#comeBackAtMs = performance.now() + message.afterMs;
      this.#fullInstance = message.reason === "rebalancing" ? this.#instance : undefined;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => connection.drop(message.reason), message.afterMs);
    } else if (message.type === "token_expiring") this.#renewToken(connection);
    else this.#channels.receive(message);
  }

  /** Where it fails, the server ends the connection in time, and the next one asks anew. */
  #renewToken(connection: Connection): void {
    if (typeof this.#options.token !== "function") return;
    askToken(this.#options, this.#life.signal).then(
      (token) => token && connection.send({ type: "auth", id: connection.nextId(), token }),
      (cause: unknown) => this.#onError(new ShardcastError("token_failed", `${cause}`, undefined, cause)),
    );
  }

  #onEnd(code: number, reason: string, isSilent: boolean, fault: string): void {
    const nowMs = performance.now();
    const { stableMs = 10_000 } = this.#options.backoff ?? {};
    const cameAbout = this.#welcomedAtMs !== undefined;
    const isStable = nowMs - (this.#welcomedAtMs ?? nowMs + 1) >= stableMs;
    const isTold = this.#comeBackAtMs > 0;
    this.#connection = this.#welcomedAtMs = undefined;
    // With the same token it would be refused for ever.
    const isExpired = code === TOKEN_EXPIRED_CLOSE && typeof this.#options.token !== "function";
    if (this.#isOver || isExpired || isFinalClose(code)) {
      this.#end(code, reason);
      return;
    }
    this.#channels.disconnected();
    // A connection that breaks soon again, such as one of a client that is too slow, keeps backing off.
    if (isStable) this.#backoff.reset();
    const isGood = !isSilent && (isStable || isTold || code !== ABNORMAL_CLOSE);
    const isRoundOver = !this.#addresses.next(cameAbout ? (isGood ? "good" : "doubtful") : "failed", nowMs);
    // The next address of a round needs no backoff, and neither does a move off a connection that has lasted: a server
    // may send everybody away at once.
    const delayMs = this.#plan((isTold && isStable) || !isRoundOver ? 0 : this.#backoff.nextDelayMs());
    // Listeners may close the client, so they come last.
    this.#setStatus("reconnecting");
    if (isRoundOver && !cameAbout) this.#tellFailure(reason || fault || `${code}`);
    if (this.#isOver) return;
    const { attempt } = this.#backoff;
    this.#events.emit("reconnect", { attempt, delayMs, code, reason, url: this.url });
  }

  /** Returns how long it is till then: never less than what the server asked for. */
  #plan(wishedMs: number): number {
    const nowMs = performance.now();
    const delayMs = Math.max(wishedMs, this.#comeBackAtMs - nowMs);
    this.#dueAtMs = nowMs + delayMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), delayMs);
    return delayMs;
  }

  /**
   * A network that is there again deserves an attempt at once, and so does a page that is looked at again; or a sign of life,
   * where a connection seems to be there. Many clients may see that at the same time, so the attempts are spread a little.
   */
  #wake(): void {
    const leftMs = this.#dueAtMs - performance.now();
    if (this.#connection !== undefined) this.#connection.ping();
    else if (leftMs > 0) this.#plan(Math.min(leftMs, this.#backoff.soonMs()));
  }

  /** That no address answers is told once, until one does; after that it is only counted by `reconnect`. */
  #tellFailure(why: string): void {
    if (this.#failureTold || this.#isOver) return;
    this.#failureTold = true;
    this.#onError(new ShardcastError("connect_failed", `${this.#addresses.urls.join(", ")}: ${why}`));
  }

  /** Ends as the caller wished, or because the server does not want it back. */
  #end(code: number, reason: string): void {
    if (!this.#isOver) {
      const error = new ShardcastError("closed", `${code} ${reason}`);
      this.#channels.close(error, false);
      this.#onError(error);
    }
    this.#finish({ code, reason });
  }

  #finish(event: CloseEvent): void {
    this.#life.abort();
    clearTimeout(this.#timer);
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
}

/** Accepts `http` and `https`, too, because new runtimes do and old ones throw. */
function webSocketUrl(url: string): string {
  return new URL(url).href.replace(/^http/, "ws");
}
