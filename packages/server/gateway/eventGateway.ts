import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import type { Server } from "bun";
import type { Access } from "../auth/access.ts";
import { Connection } from "./connection.ts";
import type { SharedContext } from "./connectionContext.ts";
import type { Entrance } from "./entrance.ts";
import { type EventRequest, parseEventRequest } from "./eventRequest.ts";
import { EventStream, type EventStreamOptions } from "./eventStream.ts";
import { EventStreams } from "./eventStreams.ts";
import { eventText } from "./eventText.ts";

export interface EventGatewayOptions {
  readonly entrance: Entrance;
  /** Text of the first message. */
  readonly welcome: () => string;
  readonly pingIntervalMs: number;
  /** Told how a stream has ended: a close code as of a WebSocket. */
  readonly onClosed: (code: number, connection: Connection) => void;
  readonly random?: () => number;
}

/** A stream that was ended comes back within this time, so that very many do not come back as one. */
const RETRY_MS = { min: 500, max: 5000 } as const;
/** What is handed to the transport goes out within its next turns, and not after that it was told to stop. */
const LAST_WORDS_MS = 100;
/**
 * A stream that has ended is no client any more, so what is left of it must not stay with one that takes nothing: its connection is
 * closed when nothing has moved for this long, rounded up to the transport's steps of 4 s.
 */
const LEFT_SECONDS = 8;
const PREFLIGHT_SECONDS = "7200";

/** `/sse`: what a WebSocket would bring, as `text/event-stream`, for places that WebSockets do not reach. */
export class EventGateway {
  readonly #options: EventGatewayOptions;
  #context: SharedContext | undefined;
  #streams: EventStreams | undefined;

  constructor(options: EventGatewayOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams?.size ?? 0;
  }

  connections(): Iterable<Connection> {
    return this.#streams?.connections() ?? [];
  }

  open(context: SharedContext): void {
    this.#context = context;
    this.#streams = new EventStreams(context.hub);
    this.#streams.begin(this.#options.pingIntervalMs);
  }

  publish(topic: string, text: string): void {
    this.#streams?.publish(topic, text);
  }

  /** Sends everybody away, to come back elsewhere. Resolves when the transport has had a turn to write that. */
  async close(): Promise<void> {
    const { code, reason } = CLOSE_CODES.serviceRestart;
    const leaving = [...this.connections()];
    for (const { socket } of leaving) socket?.close(code, reason);
    this.#streams?.close();
    if (leaving.length > 0) await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
  }

  async answer(request: Request, url: URL, server: Server<Connection>): Promise<Response> {
    const response = await this.#answer(request, url, server);
    const origin = request.headers.get("origin");
    // Pages that may not connect read nothing of the answer.
    if (origin !== null && this.#options.entrance.allowsOrigin(origin)) {
      response.headers.set("Access-Control-Allow-Origin", origin);
      response.headers.set("Vary", "Origin");
    }
    return response;
  }

  async #answer(request: Request, url: URL, server: Server<Connection>): Promise<Response> {
    if (request.method === "OPTIONS") return this.#preflight(request);
    if (request.method !== "GET") {
      const message = "/sse takes GET";
      const error = { code: "method_not_allowed", message };
      return Response.json({ error }, { status: 405, headers: { Allow: "GET, OPTIONS" } });
    }
    const { entrance } = this.#options;
    const context = this.#context;
    if (context === undefined) return Response.error();
    const asked = parseEventRequest(request, url, context.limits.subscriptionsMax);
    if ("code" in asked) return Response.json({ error: asked }, { status: 400 });
    const answer = await entrance.admit(request, url, server, (access) => {
      // The transport ends a request that is silent for some seconds; this one is meant to last.
      server.timeout(request, 0);
      const onEnding = () => server.timeout(request, LEFT_SECONDS);
      const { body } = this.#begin(context, access, { ...asked, onEnding });
      return new Response(body, { headers: STREAM_HEADERS });
    });
    return askedBack(request, answer);
  }

  #begin(
    context: SharedContext,
    access: Access,
    { requests, since, onEnding }: EventRequest & Pick<EventStreamOptions, "onEnding">,
  ): EventStream {
    const streams = this.#streams ?? new EventStreams(context.hub);
    const connection = new Connection(context, access);
    const { random = Math.random } = this.#options;
    const stream = new EventStream({
      topics: streams,
      since,
      retryMs: () => RETRY_MS.min + random() * (RETRY_MS.max - RETRY_MS.min),
      onDrained: () => connection.drained(),
      onEnding,
      onClosed: (code) => {
        streams.closed(stream);
        this.#options.onClosed(code, connection);
        connection.closed();
      },
    });
    streams.opened(stream, connection);
    // However the connection ends, not all come back at the same time.
    stream.retry();
    stream.sendText(this.#options.welcome());
    connection.opened(stream);
    for (const text of requests) connection.receive(text);
    return stream;
  }

  /** A page elsewhere that sends `Authorization` asks first. */
  #preflight(request: Request): Response {
    const origin = request.headers.get("origin");
    if (origin === null || !this.#options.entrance.allowsOrigin(origin)) {
      return new Response(null, { status: 403 });
    }
    return new Response(null, {
      status: 204,
      headers: {
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "Authorization, Last-Event-ID, Cache-Control",
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
      },
    });
  }
}

/**
 * An `EventSource` gives up for good on any status but 200. Where waiting helps it gets a stream that says when to come back, and
 * ends; what sends no `Accept` for such a stream gets the status as it is.
 */
async function askedBack(request: Request, response: Response): Promise<Response> {
  const retryAfterSeconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const isEventSource = request.headers.get("accept")?.includes("text/event-stream") === true;
  if (!isEventSource || Number.isNaN(retryAfterSeconds)) return response;
  const event = eventText(JSON.stringify(await response.json()), { type: "refused" });
  return new Response(`retry: ${retryAfterSeconds * 1000}\n${event}`, { headers: STREAM_HEADERS });
}

const STREAM_HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  // A proxy that collects answers would hold back every message.
  "X-Accel-Buffering": "no",
};
