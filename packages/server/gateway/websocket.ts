import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import type { Server } from "bun";
import type { Access, AccessControl } from "../auth/access.ts";
import type { HealthReport } from "../health.ts";
import { answerByMethod } from "../httpMethods.ts";
import type { Broadcast } from "../hub/hub.ts";
import type { RequestFailures } from "../requestFailures.ts";
import { requestUrl } from "../requestUrl.ts";
import { AcceptQueue } from "./acceptQueue.ts";
import type { Admission, GatewayLoad } from "./admission.ts";
import { closeCodeOf } from "./closeCodeOf.ts";
import { Connection } from "./connection.ts";
import type { ConnectionContext, SharedContext } from "./connectionContext.ts";
import { asksForDeflate, Deflate, type DeflateOptions } from "./deflate/deflate.ts";
import { type DepartureOrder, Departures } from "./departures.ts";
import { Entrance } from "./entrance.ts";
import { EventGateway } from "./eventGateway.ts";
import { chosenSubprotocol, handshakeFault } from "./handshake.ts";
import type { HandshakePaceOptions } from "./handshakePace.ts";
import { kernelShareOf, limitKernelBuffers } from "./kernelBuffers.ts";
import { listeningDescriptors } from "./listeningDescriptors.ts";
import { ReplayQueue } from "./replayQueue.ts";
import { SilentClients } from "./silentClients.ts";
import { SlowClients } from "./slowClients.ts";
import { StreamWaits } from "./streamWaits.ts";

/** PEM texts. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0 lets the kernel choose; then read `port`. */
  readonly port: number;
  readonly instance: string;
  readonly shard: number;
  /** Absent: not encrypted. */
  readonly tls?: TlsIdentity | undefined;
  readonly messageBytesMax: number;
  /** Unsent bytes, in the kernel and here, at which a slow client is cut off (it sees 1006). */
  readonly backpressureBytes: number;
  readonly idleTimeoutMs: number;
  /**
   * A connection that is no WebSocket (yet) is closed when nothing was asked on it for this long, rounded up to the
   * transport's steps of 4 s. Its first request must be there after 8 to 12 s in any case: that is the transport's own.
   */
  readonly handshakeTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** Absent: nobody gets deflated frames. */
  readonly deflate?: DeflateOptions | undefined;
  readonly pace?: HandshakePaceOptions | undefined;
  readonly admission: Admission;
  readonly access: AccessControl;
  readonly health: () => HealthReport;
  readonly failures: RequestFailures;
}

/**
 * Listeners whose clients came with an earlier certificate. Each costs a publish of every message, so that the clients
 * of the oldest are sent away beyond it.
 */
const FORMER_LISTENERS_MAX = 4;

/** Each takes all who wait, as a rule. */
const LAST_TURNS_MAX = 10;

/** The transport refuses larger ones. */
const HTTP_IDLE_SECONDS_MAX = 255;

/** The close codes that RFC 6455 and its registry name. */
const STANDARD_CODES = { min: 1000, max: 1015 } as const;

/** A shard's public face: WebSockets at `/ws`, event streams at `/sse`, and the health that a load balancer asks for. */
export class Gateway {
  readonly replays: ReplayQueue;
  readonly waits = new StreamWaits();
  readonly slow: SlowClients;
  readonly silent: SilentClients;
  /** What the kernel takes for a client and does not send; NaN where that is not bounded. */
  kernelBytesMax = Number.NaN;
  readonly deflate: Deflate | undefined;
  readonly departures = new Departures();
  readonly events: EventGateway;
  readonly #options: GatewayOptions;
  readonly entrance: Entrance;
  #tls: TlsIdentity | undefined;
  #current: Listener | undefined;
  /** Closed to new clients, kept while there are old ones. */
  readonly #former = new Set<Listener>();
  #context: SharedContext | undefined;
  #isClosing = false;
  /**
   * Ended connections by close code; 1006 is a broken connection, or a client that was cut off for slowness. Clients
   * choose codes, and each would be a label of its own in the metrics: those that no standard names count as `other`.
   */
  readonly closes: Record<string, number> = {};

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#tls = options.tls;
    this.replays = new ReplayQueue(options.pace?.now);
    const { admission, access } = options;
    this.entrance = new Entrance({ admission, access, load: () => this.#load, pace: options.pace });
    this.events = new EventGateway({
      entrance: this.entrance,
      welcome: () => this.#welcome(false),
      pingIntervalMs: options.pingIntervalMs,
      onClosed: (code, connection) => {
        this.#countClose(code);
        this.departures.left(connection);
      },
    });
    this.slow = new SlowClients({
      budgetBytes: options.backpressureBytes,
      clients: () => this.#clients(),
    });
    this.silent = new SilentClients({ ...options, clients: () => this.#webSocketClients() });
    if (options.deflate !== undefined)
      this.deflate = new Deflate(options.deflate, (topic, data) => this.#publish(topic, data));
  }

  get connections(): number {
    let count = this.events.size;
    for (const { clients } of this.#listeners()) count += clients.size;
    return count;
  }

  get #load(): GatewayLoad {
    return { connections: this.connections, subscriptionsLeft: this.#context?.hub.room.left ?? 0 };
  }

  /** Clients whom the transport has not taken yet. */
  get acceptQueue(): { readonly now: number; readonly max: number } {
    return this.#current?.accepts?.length ?? { now: Number.NaN, max: Number.NaN };
  }

  get port(): number {
    return this.#current?.port ?? this.#options.port;
  }

  /** Before `open` nobody listens, so there is nobody to send to. */
  readonly broadcast: Broadcast = (topic, text) => {
    this.slow.sent(text);
    this.#publish(topic, text);
    this.deflate?.publish(topic, text);
    this.events.publish(topic, text);
  };

  /** Opens the port. `SO_REUSEPORT` lets the kernel spread connections over the shards that share it. */
  open(context: ConnectionContext): void {
    this.#context = { ...context, replays: this.replays, waits: this.waits, slow: this.slow };
    this.#current = this.#listen(this.#options.port, this.#tls);
    this.events.open(this.#context);
    this.slow.begin();
    this.silent.begin();
  }

  /**
   * Shows another certificate to those who come from now on. The transport can not change it in place: a second listener
   * takes the port beside the first, which then lets nobody in and keeps its clients. A handshake that waits in
   * its queue in this moment is reset. Throws where the certificate can not be used, and leaves all as it was.
   */
  setTls(tls: TlsIdentity): void {
    // Nobody comes any more.
    if (this.#isClosing) return;
    const before = this.#current;
    if (before === undefined) {
      // A shard that is still reading the log opens its port with this one.
      this.#tls = tls;
      return;
    }
    this.#current = this.#listen(this.port, tls);
    if (before.clients.size > 0) this.#former.add(before);
    before.accepts?.close();
    void before.server.stop(false);
    const [oldest] = this.#former;
    if (oldest !== undefined && this.#former.size > FORMER_LISTENERS_MAX) sendAway(oldest);
  }

  #listen(port: number, tls: TlsIdentity | undefined): Listener {
    const { host, messageBytesMax, idleTimeoutMs, handshakeTimeoutMs } = this.#options;
    const clients = new Set<Connection>();
    // The one that is to be replaced, whose numbers are soon somebody else's.
    const others = new Set(listeningDescriptors(port));
    const server = Bun.serve<Connection>({
      hostname: host,
      port,
      ...(tls !== undefined && { tls }),
      reusePort: true,
      // Bytes that come in do not put this off, so a request that is sent drop by drop ends as well.
      idleTimeout: Math.min(HTTP_IDLE_SECONDS_MAX, Math.ceil(handshakeTimeoutMs / 1000)),
      development: false,
      error: this.#options.failures.answer,
      fetch: (request, server) => this.#fetch(request, server),
      websocket: {
        maxPayloadLength: messageBytesMax,
        backpressureLimit: this.slow.transportBytesMax,
        closeOnBackpressureLimit: true,
        idleTimeout: Math.min(960, Math.ceil(idleTimeoutMs / 1000)),
        sendPings: true,
        open: (socket) => {
          clients.add(socket.data);
          // Its token may have been checked while the listener was replaced.
          if (listener !== this.#current) this.#former.add(listener);
          socket.sendText(this.#welcome(socket.data.takesDeflate));
          if (this.deflate !== undefined && socket.data.takesDeflate) this.deflate.clients += 1;
          socket.data.opened(socket);
        },
        message: (socket, message) => {
          socket.data.silentLooks = 0;
          if (typeof message === "string") socket.data.receive(message);
          else
            socket.data.refuse(
              undefined,
              "bad_request",
              "binary frames have no meaning here: send JSON text",
            );
        },
        ping: (socket) => {
          socket.data.silentLooks = 0;
        },
        pong: (socket) => {
          socket.data.silentLooks = 0;
        },
        drain: (socket) => {
          // It reads, and a long way behind what waits for it comes the ping.
          socket.data.silentLooks = 0;
          socket.data.drained();
        },
        close: (socket, code, reason) => {
          this.#countClose(closeCodeOf(code, reason));
          clients.delete(socket.data);
          this.departures.left(socket.data);
          if (clients.size === 0) this.#former.delete(listener);
          if (this.deflate !== undefined && socket.data.takesDeflate) this.deflate.clients -= 1;
          socket.data.closed();
        },
      },
    });
    const opened = server.port ?? port;
    const descriptors = listeningDescriptors(opened).filter((each) => !others.has(each));
    const listener = { server, clients, port: opened, accepts: AcceptQueue.of(descriptors) };
    this.entrance.pace.accepts = listener.accepts;
    const kernelBytesMax = kernelShareOf(this.#options.backpressureBytes);
    if (limitKernelBuffers(descriptors, kernelBytesMax)) this.kernelBytesMax = kernelBytesMax;
    return listener;
  }

  #countClose(code: number): void {
    const isKnown = code >= STANDARD_CODES.min && code <= STANDARD_CODES.max;
    const label = isKnown || code === CLOSE_CODES.tokenExpired.code ? code : "other";
    this.closes[label] = (this.closes[label] ?? 0) + 1;
  }

  *#clients(): Iterable<Connection> {
    yield* this.events.connections();
    yield* this.#webSocketClients();
  }

  *#webSocketClients(): Iterable<Connection> {
    for (const { clients } of this.#listeners()) yield* clients;
  }

  #publish(topic: string, data: string | Uint8Array): void {
    this.#current?.server.publish(topic, data);
    for (const { server } of this.#former) server.publish(topic, data);
  }

  *#listeners(): Iterable<Listener> {
    yield* this.#former;
    if (this.#current !== undefined) yield this.#current;
  }

  /** Asks clients to go elsewhere, one after the other. Returns how many. */
  depart(order: DepartureOrder): number {
    return this.departures.begin(this.#clients(), order);
  }

  /** Sends everybody away at once who is still here, to come back elsewhere, and closes the port. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.slow.close();
    this.silent.close();
    this.departures.close();
    this.deflate?.close();
    await this.#answerWaiting();
    await this.events.close();
    const listeners = [...this.#listeners()];
    for (const listener of listeners) sendAway(listener);
    await Promise.all(listeners.map(({ server }) => server.stop(true)));
    this.#current = undefined;
    this.#former.clear();
  }

  /** Who waits is told as well, here and in the kernel, and the transport has turns to take them and to write. */
  async #answerWaiting(): Promise<void> {
    const accepts = this.#current?.accepts;
    this.entrance.pace.accepts = undefined;
    accepts?.release();
    // Others may come all the time.
    for (let turn = 0; turn < LAST_TURNS_MAX && this.acceptQueue.now > 0; turn++) await nextTurn();
    accepts?.close();
    this.entrance.pace.finish();
    await nextTurn();
  }

  #welcome(takesDeflate: boolean): string {
    const { instance, shard, pingIntervalMs } = this.#options;
    const session = crypto.randomUUID();
    const encoding = takesDeflate ? { encoding: "deflate" } : {};
    return JSON.stringify({ type: "welcome", instance, shard, session, pingIntervalMs, ...encoding });
  }

  #fetch(request: Request, server: Server<Connection>): Response | Promise<Response> | undefined {
    const url = requestUrl(request);
    if (url === undefined) return this.entrance.refuse("host_invalid");
    const { pathname } = url;
    if (pathname === "/ws") return this.#upgrade(request, url, server);
    if (pathname === "/sse") return this.events.answer(request, url, server);
    if (pathname === "/health") return answerByMethod({ GET: () => this.#health() }, request);
    if (pathname === "/live") return answerByMethod({ GET: () => Response.json({ status: "ok" }) }, request);
    return Response.json(
      { error: { code: "not_found", message: "there are /ws, /sse, /health and /live here" } },
      { status: 404 },
    );
  }

  #health(): Response {
    const report = this.#options.health();
    return Response.json(report, { status: report.status === "unhealthy" ? 503 : 200 });
  }

  #upgrade(request: Request, url: URL, server: Server<Connection>): Response | undefined | Promise<Response> {
    const answer = this.entrance.admit(request, url, server, (access) =>
      this.#open(request, url, server, access),
    );
    // After an upgrade the transport looks at no answer, but its type wants one of a promise.
    return answer instanceof Promise ? answer.then((found) => found ?? new Response(null)) : answer;
  }

  #open(request: Request, url: URL, server: Server<Connection>, access: Access): Response | undefined {
    if (this.#context === undefined) return Response.error();
    // Last, so that somebody who asks with a plain request why no WebSocket comes about is told that.
    const fault = handshakeFault(request);
    if (fault !== undefined) return this.entrance.refuse(fault);
    const headers = chosenSubprotocol(request.headers);
    const seat = asksForDeflate(url.searchParams) ? this.deflate?.seat() : undefined;
    const data = new Connection(this.#context, access, seat);
    if (server.upgrade(request, headers === undefined ? { data } : { data, headers })) return undefined;
    // Its key is none.
    return this.entrance.refuse("handshake_invalid");
  }
}

interface Listener {
  readonly server: Server<Connection>;
  readonly clients: Set<Connection>;
  /** The transport looks it up in the socket, which is another one while its queue is held. */
  readonly port: number;
  readonly accepts: AcceptQueue | undefined;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sendAway({ clients }: Listener): void {
  for (const { socket } of clients) {
    socket?.close(CLOSE_CODES.serviceRestart.code, CLOSE_CODES.serviceRestart.reason);
  }
}
