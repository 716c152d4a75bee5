import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import { SUBPROTOCOL } from "@shardcast/protocol/messages";
import type { Server } from "bun";
import { Access, type AccessControl, type AccessRefusal } from "../auth/access.ts";
import type { HealthReport } from "../health.ts";
import { answerByMethod } from "../httpMethods.ts";
import type { Broadcast } from "../hub/hub.ts";
import { type Admission, refusalResponse } from "./admission.ts";
import { Connection, type ConnectionContext, type SharedContext } from "./connection.ts";
import { ReplayQueue } from "./replayQueue.ts";
import { StreamWaits } from "./streamWaits.ts";

export interface GatewayOptions {
  readonly host: string;
  /** 0 lets the kernel choose; then read `port`. */
  readonly port: number;
  readonly instance: string;
  readonly shard: number;
  readonly messageBytesMax: number;
  /** Unsent bytes at which a slow client is cut off (it sees 1006). */
  readonly backpressureBytes: number;
  readonly idleTimeoutMs: number;
  /**
   * A connection that is no WebSocket (yet) is closed when nothing was asked on it for this long, rounded up to the
   * transport's steps of 4 s. Its first request must be there after 8 to 12 s in any case: that is the transport's own.
   */
  readonly handshakeTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly admission: Admission;
  readonly access: AccessControl;
  readonly health: () => HealthReport;
}

/** The transport refuses larger ones. */
const HTTP_IDLE_SECONDS_MAX = 255;

/** The close codes that RFC 6455 and its registry name. */
const STANDARD_CODES = { min: 1000, max: 1015 } as const;

/** A shard's public face: WebSockets at `/ws`, and the health that a load balancer asks for. */
export class Gateway {
  readonly replays = new ReplayQueue();
  readonly waits = new StreamWaits();
  readonly #options: GatewayOptions;
  #server: Server<Connection> | undefined;
  #context: SharedContext | undefined;
  readonly #connections = new Set<Connection>();
  /**
   * Ended connections by close code; 1006 is a broken connection, or a client that was cut off for slowness. Clients
   * choose codes, and each would be a label of its own in the metrics: those that no standard names count as `other`.
   */
  readonly closes: Record<string, number> = {};

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get port(): number {
    return this.#server?.port ?? this.#options.port;
  }

  /** Before `open` nobody listens, so there is nobody to send to. */
  readonly broadcast: Broadcast = (topic, text) => {
    this.#server?.publish(topic, text);
  };

  /** Opens the port. `SO_REUSEPORT` lets the kernel spread connections over the shards that share it. */
  open(context: ConnectionContext): void {
    const { host, port, messageBytesMax, backpressureBytes, idleTimeoutMs, handshakeTimeoutMs } =
      this.#options;
    this.#context = { ...context, replays: this.replays, waits: this.waits };
    this.#server = Bun.serve<Connection>({
      hostname: host,
      port,
      reusePort: true,
      // Bytes that come in do not put this off, so a request that is sent drop by drop ends as well.
      idleTimeout: Math.min(HTTP_IDLE_SECONDS_MAX, Math.ceil(handshakeTimeoutMs / 1000)),
      fetch: (request, server) => this.#fetch(request, server),
      websocket: {
        maxPayloadLength: messageBytesMax,
        backpressureLimit: backpressureBytes,
        closeOnBackpressureLimit: true,
        idleTimeout: Math.min(960, Math.ceil(idleTimeoutMs / 1000)),
        sendPings: true,
        open: (socket) => {
          this.#connections.add(socket.data);
          socket.sendText(this.#welcome());
          socket.data.opened(socket);
        },
        message: (socket, message) => {
          if (typeof message === "string") socket.data.receive(message);
          else
            socket.data.refuse(
              undefined,
              "bad_request",
              "binary frames have no meaning here: send JSON text",
            );
        },
        drain: (socket) => socket.data.drained(),
        close: (socket, code) => {
          const isKnown = code >= STANDARD_CODES.min && code <= STANDARD_CODES.max;
          const label = isKnown || code === CLOSE_CODES.tokenExpired.code ? code : "other";
          this.closes[label] = (this.closes[label] ?? 0) + 1;
          this.#connections.delete(socket.data);
          socket.data.closed();
        },
      },
    });
  }

  /** Sends everybody away, to come back elsewhere, and closes the port. */
  async close(): Promise<void> {
    for (const { socket } of this.#connections) {
      socket?.close(CLOSE_CODES.serviceRestart.code, CLOSE_CODES.serviceRestart.reason);
    }
    await this.#server?.stop(true);
    this.#server = undefined;
  }

  #welcome(): string {
    const { instance, shard, pingIntervalMs } = this.#options;
    return JSON.stringify({ type: "welcome", instance, shard, session: crypto.randomUUID(), pingIntervalMs });
  }

  #fetch(request: Request, server: Server<Connection>): Response | Promise<Response> | undefined {
    const url = new URL(request.url);
    const { pathname } = url;
    if (pathname === "/ws") return this.#upgrade(request, url, server);
    if (pathname === "/health") return answerByMethod({ GET: () => this.#health() }, request);
    if (pathname === "/live") return answerByMethod({ GET: () => Response.json({ status: "ok" }) }, request);
    return Response.json(
      { error: { code: "not_found", message: "there are /ws, /health and /live here" } },
      { status: 404 },
    );
  }

  #health(): Response {
    const report = this.#options.health();
    return Response.json(report, { status: report.status === "unhealthy" ? 503 : 200 });
  }

  #upgrade(request: Request, url: URL, server: Server<Connection>): Response | undefined | Promise<Response> {
    const { admission, access } = this.#options;
    // Before the token, because to look at that costs more.
    const refusal = admission.check(request, this.#connections.size);
    if (refusal !== undefined) return refusalResponse(refusal);
    const admitted = access.admit(request, url);
    if (!(admitted instanceof Promise)) return this.#open(request, server, admitted);
    return admitted.then((found) => {
      // Others came meanwhile.
      const late = admission.check(request, this.#connections.size);
      if (late !== undefined) return refusalResponse(late);
      // After an upgrade the transport looks at no answer, but its type wants one of a promise.
      return this.#open(request, server, found) ?? new Response(null);
    });
  }

  #open(
    request: Request,
    server: Server<Connection>,
    admitted: Access | AccessRefusal,
  ): Response | undefined {
    if (this.#context === undefined) return Response.error();
    if (!(admitted instanceof Access)) return unauthorizedResponse(admitted);
    const offered = request.headers.get("sec-websocket-protocol");
    // A client that offers protocols fails its handshake unless one of them is chosen.
    const headers = offered?.split(",").some((name) => name.trim() === SUBPROTOCOL)
      ? { "Sec-WebSocket-Protocol": SUBPROTOCOL }
      : undefined;
    const data = new Connection(this.#context, admitted);
    if (server.upgrade(request, headers === undefined ? { data } : { data, headers })) return undefined;
    return Response.json(
      { error: { code: "upgrade_required", message: "connect to /ws with a WebSocket" } },
      { status: 426, headers: { Upgrade: "websocket" } },
    );
  }
}

function unauthorizedResponse({ status, code, message }: AccessRefusal): Response {
  const headers = status === 401 ? { "WWW-Authenticate": "Bearer" } : { "Retry-After": "2" };
  return Response.json({ error: { code, message } }, { status, headers });
}
