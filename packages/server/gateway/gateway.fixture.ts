import type { ServerMessage } from "@shardcast/protocol/messages";
import { AccessControl } from "../auth/access.ts";
import type { HistoryLimits } from "../hub/history.ts";
import { Hub } from "../hub/hub.ts";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import type { Publication } from "../publication.ts";
import { RequestFailures } from "../requestFailures.ts";
import { buildEnvelope } from "../source/envelope.ts";
import { AcceptRate, type AcceptRateOptions } from "./acceptRate.ts";
import { Admission } from "./admission.ts";
import { type AddressOptions, ClientAddresses } from "./clientAddress.ts";
import type { ConnectionLimits } from "./connectionContext.ts";
import { ConnectionCounters } from "./connectionCounters.ts";
import { RateLimit } from "./rateLimit.ts";
import type { ReplayLimits } from "./replay.ts";
import { Gateway, type GatewayOptions } from "./websocket.ts";

/** For tests of what must hold for either kind of client. */
export const ENCODINGS = ["plain", "deflate"] as const;

type Encoding = (typeof ENCODINGS)[number];

export const STREAM = "stream0";

export interface GatewayFixtureOptions {
  readonly history?: Partial<HistoryLimits>;
  readonly limits?: Partial<ConnectionLimits>;
  readonly replay?: Partial<ReplayLimits>;
  /** `deflate`: clients ask for it, and everything is deflated, however small. Default: they do not. */
  readonly encoding?: Encoding;
  readonly gateway?: Partial<GatewayOptions>;
  readonly permits?: number;
  readonly allowedOrigins?: readonly string[];
  readonly requestsPerSecond?: number;
  readonly rate?: Partial<AcceptRateOptions>;
  readonly addresses?: Partial<AddressOptions>;
  readonly beforeOpening?: (gateway: Gateway) => void;
}

/** A real gateway on a port of its own, over a hub that a test feeds; the log is what the test has fed. */
export function gatewayFixture(options: GatewayFixtureOptions = {}) {
  let nextOffset = 0;
  const published: Publication[] = [];
  const reads: RangeRequest[] = [];
  const logEarliest = { offset: 0 };
  /** A test that sets `until` holds every log read back until that resolves. */
  const logHeld: { until: Promise<void> | undefined } = { until: undefined };
  /** Where the log is further than the hub: the offset that comes next in it. */
  const logAhead = { next: 0 };
  const nextInLog = () => Math.max(nextOffset, logAhead.next);
  const log = {
    async read(request: RangeRequest): Promise<RangeResult> {
      reads.push(request);
      await logHeld.until;
      if (request.streamId !== STREAM) return { kind: "gone" };
      if (request.after >= nextInLog()) return { kind: "truncated", next: nextInLog() };
      if (request.after + 1 < logEarliest.offset) {
        return { kind: "lost", through: logEarliest.offset - 1, reason: "retention" };
      }
      const publications = published.filter(
        ({ offset }) => offset > request.after && offset <= request.through,
      );
      return { kind: "read", publications, through: Math.min(request.through, nextInLog() - 1) };
    },
  };
  const admission = new Admission({
    allowedOrigins: options.allowedOrigins ?? ["*"],
    permits: options.permits ?? 100,
    servesClients: true,
    rate: new AcceptRate({
      ...{ perSecond: 10_000, perSecondPerAddress: 0, shard: 0, shards: 1 },
      ...options.rate,
    }),
    addresses: new ClientAddresses({ trustedProxies: [], hidden: false, ...options.addresses }),
  });
  const gateway = new Gateway({
    host: "127.0.0.1",
    port: 0,
    instance: "test",
    shard: 0,
    messageBytesMax: 16 * 1024,
    backpressureBytes: 1024 * 1024,
    idleTimeoutMs: 60_000,
    handshakeTimeoutMs: 10_000,
    pingIntervalMs: 25_000,
    deflate: {
      level: 1,
      frameBytesMax: 16 * 1024,
      membershipsMax: 1000,
      waitMsMax: 10,
      savedBytesMin: -1000,
      turnMsMax: Number.POSITIVE_INFINITY,
    },
    admission,
    access: new AccessControl({
      verifier: undefined,
      anonymousChannels: ["*"],
      warningMs: 0,
      leewayMs: 0,
      now: Date.now,
      schedule: () => () => {},
    }),
    health: () => ({ status: "ok", instance: "test", checks: {}, shards: [] }),
    failures: new RequestFailures((error) => {
      throw error;
    }),
    ...options.gateway,
  });
  const history = {
    messagesMax: 1000,
    bytesMax: 1 << 20,
    ageMsMax: 60_000,
    lastValueBytesMax: 1 << 18,
    ...options.history,
  };
  const hub = new Hub(history, gateway.broadcast);
  hub.open(STREAM, 0);
  const counters = new ConnectionCounters();
  options.beforeOpening?.(gateway);
  gateway.open({
    hub,
    log,
    limits: {
      subscriptionsMax: 100,
      replayBufferBytes: 256 * 1024,
      waitingRequestsMax: 16,
      refusalsMax: 20,
      ...options.limits,
    },
    replayLimits: {
      recordsMax: 10_000,
      bytesMax: 1 << 20,
      ageMsMax: 60_000,
      readBytesMax: 1 << 20,
      behindMsMax: 5000,
      ...options.replay,
    },
    rate: new RateLimit(options.requestsPerSecond ?? 10_000, 1000),
    counters,
    now: Date.now,
  });
  return {
    hub,
    gateway,
    admission,
    counters,
    reads,
    published: published as readonly Publication[],
    logEarliest,
    logHeld,
    logAhead,
    url: `ws://127.0.0.1:${gateway.port}/ws${options.encoding === "deflate" ? "?encoding=deflate" : ""}`,
    /** Hands one message to the hub, as the assembler would. */
    publish(channel: string, data: unknown): number {
      const offset = nextOffset++;
      const timestampMs = Date.now();
      const payload = new TextEncoder().encode(JSON.stringify(data));
      const publication = {
        offset,
        timestampMs,
        channel,
        envelope: buildEnvelope({ channel, streamId: STREAM, offset, timestampMs }, payload),
      };
      published.push(publication);
      hub.deliver(STREAM, [publication], offset);
      return offset;
    },
    close: () => gateway.close(),
  };
}

/** A client with nothing clever in it: it sends what it is told and keeps what it gets, in order. */
export class RawClient {
  readonly received: ServerMessage[] = [];
  /** Bytes of each binary frame. */
  readonly binaryFrames: Uint8Array<ArrayBuffer>[] = [];
  closeCode: number | undefined;
  readonly #socket: WebSocket;
  #wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.received.push(JSON.parse(event.data));
      else this.#inflate(new Uint8Array(event.data));
      this.#wake();
    };
    socket.onclose = (event) => {
      this.closeCode = event.code;
      this.#wake();
    };
  }

  static async open(
    url: string,
    options: { readonly protocols?: string[]; readonly headers?: Record<string, string> } = {},
  ): Promise<RawClient> {
    // The DOM's types stand before the runtime's here, and know no headers.
    return await RawClient.over(new WebSocket(url, options as unknown as string[]));
  }

  /** Resolves once the server has said welcome. */
  static async over(socket: WebSocket): Promise<RawClient> {
    const client = new RawClient(socket);
    await client.until(() => client.received.length > 0);
    return client;
  }

  #inflate(frame: Uint8Array<ArrayBuffer>): void {
    this.binaryFrames.push(frame);
    this.received.push(...JSON.parse(new TextDecoder().decode(Bun.inflateSync(frame))));
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#socket.send(bytes);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closeCode !== undefined) throw new Error(`closed with ${this.closeCode} before that`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async closed(): Promise<number> {
    while (this.closeCode === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.closeCode;
  }

  /** Sends a request and resolves with its answer. */
  async ask(message: {
    readonly type: string;
    readonly id: number;
    readonly [field: string]: unknown;
  }): Promise<ServerMessage> {
    const answer = () => this.received.find((each) => "id" in each && each.id === message.id);
    this.send(message);
    await this.until(() => answer() !== undefined);
    return answer() as ServerMessage;
  }

  /** The payloads of the messages so far, each with its channel. */
  get data(): unknown[] {
    return this.received.flatMap((each) => (each.type === "message" ? [each.data] : []));
  }

  close(): void {
    this.#socket.close();
  }
}
