import { isChannelName } from "@shardcast/protocol/channel";
import { ABNORMAL_CLOSE, isFinalClose, TOKEN_EXPIRED_CLOSE } from "@shardcast/protocol/closeCodes";
import type { ServerMessage } from "@shardcast/protocol/messages";
import type { Access } from "./access.ts";
import { backoffMs } from "./backoff.ts";
import { createChannels, type ServerMessageHandlers } from "./channels.ts";
import { type Connection, openConnection } from "./connection.ts";
import { createEmitter } from "./emitter.ts";
import { ShardcastError } from "./errors.ts";
import type { ClientEvents, Status } from "./events.ts";
import type { ClientStats, ConnectOptions } from "./options.ts";
import { createSink } from "./sink.ts";
import type { MessageHandler, SubscribeOptions, Subscription } from "./subscription.ts";
import { isOffline, onWake } from "./wake.ts";

export type { DataMessage } from "@shardcast/protocol/messages";
export type { Encoding } from "./encoding.ts";
export type { ShardcastErrorCode } from "./errors.ts";
export type { ClientEvents, CloseEvent, GapEvent, ReconnectEvent, Status } from "./events.ts";
export type { ClientStats, ConnectOptions, TokenContext, TokenSource } from "./options.ts";
export type { Schema, StandardSchema } from "./schema.ts";
export type { MessageHandler, Ready, SubscribeOptions, Subscription } from "./subscription.ts";
export { ShardcastError };

/** Characters of a malformed message that a report quotes. */
const QUOTED_CHARACTERS_MAX = 100;

export interface Client {
  readonly status: Status;
  /** The address of the present connection, or of the one that is tried next. */
  readonly url: string;
  readonly stats: ClientStats;
  /** Returns a function that removes the listener. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void;
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
  /** Ends all subscriptions and the connection. Resolves when it is closed, at the latest after `closeTimeoutMs`. */
  close(): Promise<void>;
}

/**
 * Connects, and stays connected until `close`. Of several URLs, which must lead to the same log, such as those of several
 * regions, the first that works is kept, and another one tried when it fails. Returns at once: subscriptions made
 * meanwhile wait for the connection. Throws where there is no WebSocket, no URL, or one that is not valid.
 */
export function connect(url: string | readonly string[], options: ConnectOptions = {}): Client {
  const { token, signal, backoff = {}, random = Math.random, WebSocket = globalThis.WebSocket } = options;
  const urls = [url].flat().map(webSocketUrl);
  signal?.throwIfAborted();
  if (!urls[0]) throw new TypeError("no URL");
  // Such as Node 20: a package, `ws` for one, has it there.
  if (!WebSocket) throw new TypeError("no WebSocket: give `{ WebSocket }`");

  const { on, emit } = createEmitter<ClientEvents>();
  const stats = { messages: 0, reconnects: 0, gaps: 0, errors: 0, repeated: 0 };
  const ending = new AbortController();
  /** Aborts when the client is closed, or about to be. */
  const life = ending.signal;
  const closed = new Promise<void>((resolve) => on("close", () => resolve()));
  let status: Status = "connecting";
  /** Undefined where messages come plain. */
  let encoding = options.encoding?.isAvailable() ? options.encoding : undefined;
  /** Undefined where there is one address, and one token or none. */
  let access: Access | undefined;
  let connection: Connection | undefined;
  let connections = 0;
  /** When the present connection came about, of `performance.now`; 0 where it has not. */
  let welcomedAtMs = 0;
  /** Attempts since a connection was stable. */
  let attempt = 0;
  /** Whether it was told that no connection comes about. */
  let isFailureTold = false;
  /** Opens the next connection, or leaves the present one as the server wishes. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** When the next connection is due; without end while there is no network. */
  let dueAtMs = 0;
  /** The server asked not to be visited before. */
  let comeBackAtMs = 0;

  const channels = createChannels(emit, stats, delayMs);

  const handlers: ServerMessageHandlers = {
    ...channels.handlers,
    welcome({ instance }) {
      // As one that failed, so that the next address is tried at once, and this one again should no other answer.
      if (access?.welcomed(instance)) return connection?.abandon("rebalancing");
      welcomedAtMs = performance.now();
      isFailureTold = false;
      stats.reconnects = connections++;
      setStatus("connected");
      if (connection) channels.onConnected(connection);
    },
    reconnect({ afterMs, reason }) {
      // It stays, and receives, for the given time, so that the clients of a draining server move one by one; should the
      // server close earlier, it is not visited before that time either.
      comeBackAtMs = performance.now() + afterMs;
      access?.sentAway(reason);
      clearTimeout(timer);
      timer = setTimeout(() => connection?.abandon(reason), afterMs);
    },
    /** Where it fails, the server ends the connection in time, and the next one asks anew. */
    token_expiring() {
      if (access?.isRenewable)
        access.token().then(
          (given) => given && connection?.ask({ type: "auth", token: given }),
          (cause: unknown) =>
            life.aborted || emit("error", new ShardcastError("token_failed", `${cause}`, undefined, cause)),
        );
    },
  };

  function delayMs(attempts: number): number {
    return backoffMs(attempts, backoff, random());
  }

  function setStatus(next: Status): void {
    if (status === next) return;
    status = next;
    emit("status", status);
  }

  function currentUrl(): string {
    return access?.url ?? (urls[0] as string);
  }

  async function open(): Promise<void> {
    if (isOffline(currentUrl())) {
      dueAtMs = Infinity;
      tellFailure("offline");
      return;
    }
    comeBackAtMs = 0;
    try {
      await loadParts();
      const given = access ? await access.token() : (token as string | undefined);
      if (!life.aborted) openSocket(given);
    } catch (error) {
      if (!life.aborted) onEnd(ABNORMAL_CLOSE, `${error}`);
    }
  }

  /**
   * What few clients need is loaded by those alone; before their first attempt, so that it is there when the network is not.
   * Where it can not be loaded, that attempt has failed; where that takes long, it is told.
   */
  async function loadParts(): Promise<void> {
    if (urls.length < 2 && typeof token !== "function") return;
    timer = setTimeout(tellFailure, options.connectTimeoutMs ?? 10_000, "code not loaded");
    access ??= new (await import("./access.ts")).Access(urls, options, life);
    clearTimeout(timer);
  }

  function openSocket(given: string | undefined): void {
    connection = openConnection(
      currentUrl(),
      { ...options, WebSocket, token: given, encoding },
      (message) => (handlers[message.type] as (message: ServerMessage) => void)(message),
      onMalformed,
      onEnd,
    );
  }

  function onMalformed(text: unknown): void {
    emit(
      "error",
      new ShardcastError("malformed", `${text ?? "undecodable"}`.slice(0, QUOTED_CHARACTERS_MAX)),
    );
    if (text !== undefined) return;
    encoding = undefined;
    // The next connection resumes from before it.
    connection?.abandon("undecodable");
  }

  function onEnd(code: number, reason: string, isSilent = false): void {
    const nowMs = performance.now();
    const cameAbout = welcomedAtMs > 0;
    const isStable = cameAbout && nowMs - welcomedAtMs >= (backoff.stableMs ?? 10_000);
    const isTold = comeBackAtMs > 0;
    connection = undefined;
    welcomedAtMs = 0;
    // With the same token it would be refused for ever.
    const isExpired = code === TOKEN_EXPIRED_CLOSE && !access?.isRenewable;
    if (life.aborted || isExpired || isFinalClose(code)) return end(code, reason);
    channels.onDisconnected();
    // A connection that breaks soon again, such as one of a client that is too slow, keeps backing off.
    if (isStable) attempt = 0;
    const isRoundOver = !access?.next(
      cameAbout,
      isSilent,
      isStable || isTold || code !== ABNORMAL_CLOSE,
      nowMs,
    );
    // The next address of a round needs no backoff, and neither does a move off a connection that has lasted: a server
    // may send everybody away at once.
    const plannedMs = plan((isTold && isStable) || !isRoundOver ? 0 : delayMs(attempt++));
    // Listeners may close the client, so they come last.
    setStatus("reconnecting");
    if (isRoundOver && !cameAbout) tellFailure(reason || `${code}`);
    if (!life.aborted) emit("reconnect", { attempt, delayMs: plannedMs, code, reason, url: currentUrl() });
  }

  /** Returns how long it is till then: never less than what the server asked for. */
  function plan(wishedMs: number): number {
    const nowMs = performance.now();
    const plannedMs = Math.max(wishedMs, comeBackAtMs - nowMs);
    dueAtMs = nowMs + plannedMs;
    clearTimeout(timer);
    timer = setTimeout(open, plannedMs);
    return plannedMs;
  }

  /**
   * A network that is there again deserves an attempt at once, and so does a page that is looked at again; or a sign of life,
   * where a connection seems to be there. Many clients may see that at the same time, so the attempts are spread a little.
   */
  function wake(): void {
    const leftMs = dueAtMs - performance.now();
    if (connection) connection.sendPing();
    else if (leftMs > 0) plan(Math.min(leftMs, delayMs(0)));
  }

  /** That no address answers is told once, until one does; after that it is only counted by `reconnect`. */
  function tellFailure(why: string): void {
    if (isFailureTold || life.aborted) return;
    isFailureTold = true;
    emit("error", new ShardcastError("connect_failed", `${urls.join(", ")}: ${why}`));
  }

  /** Ends as the caller wished, or because the server does not want it back. */
  function end(code: number, reason: string): void {
    clearTimeout(timer);
    if (!life.aborted) {
      // First, because a listener that is told of the error may subscribe to something, which nobody would end any more.
      ending.abort();
      const error = new ShardcastError("closed", `${code} ${reason}`);
      channels.endAll(error, error);
      emit("error", error);
    }
    setStatus("closed");
    emit("close", { code, reason });
  }

  function close(): Promise<void> {
    if (!life.aborted) {
      ending.abort();
      channels.endAll(new ShardcastError("closed"));
      if (connection) connection.closeWithin(options.closeTimeoutMs ?? 2000);
      else end(1000, "closed");
    }
    return closed;
  }

  function subscribe<T>(
    channel: string,
    first?: MessageHandler<T> | SubscribeOptions<T>,
    second?: SubscribeOptions<T>,
  ): Subscription<T> {
    const [handler, wishes = {}] = typeof first === "function" ? [first, second] : [undefined, first];
    const { since } = wishes;
    wishes.signal?.throwIfAborted();
    if (!isChannelName(channel.replace(/\.\*$/, ""))) {
      throw new ShardcastError("channel_invalid", undefined, channel);
    }
    if (life.aborted) throw new ShardcastError("closed");
    const sink = createSink<T>(channel, handler, wishes, channels.leave, emit);
    channels.addRecipient(sink, since ? [since].flat() : undefined);
    return sink;
  }

  on("gap", () => stats.gaps++);
  on("error", () => stats.errors++);
  on("status", options.onStatus);
  on("gap", options.onGap);
  on("error", options.onError);
  signal?.addEventListener("abort", close, { signal: life });
  onWake(wake, life);
  void open();

  return {
    get status() {
      return status;
    },
    get url() {
      return currentUrl();
    },
    get stats() {
      return { ...stats };
    },
    on,
    subscribe,
    close,
  };
}

/** Accepts `http` and `https`, too, because new runtimes do and old ones throw. */
function webSocketUrl(url: string): string {
  return new URL(url).href.replace(/^http/, "ws");
}
