import {
  type ClientMessage,
  type DataMessage,
  type ServerMessage,
  SUBPROTOCOL,
} from "@shardcast/protocol/messages";
import type { ServerWebSocket } from "bun";
import { Inbox } from "./inbox.fixture.ts";

type Subscribe = ClientMessage & { readonly type: "subscribe" };

/** A real WebSocket server whose every word is the test's. */
export class ScriptedServer {
  readonly connections = new Inbox<Peer>();
  /** Answers handshakes with 404. */
  isRefusing = false;
  /** What answers here, as the welcome names it. */
  instance = "a";
  readonly #server: Bun.Server<Peer>;

  constructor(options: { readonly pingIntervalMs?: number; readonly welcome?: boolean } = {}) {
    const { pingIntervalMs = 60_000, welcome = true } = options;
    this.#server = Bun.serve<Peer>({
      port: 0,
      fetch: (request, server) => {
        if (this.isRefusing) return new Response(null, { status: 404 });
        const headers = { "Sec-WebSocket-Protocol": SUBPROTOCOL };
        return server.upgrade(request, {
          data: new Peer(request.headers.get("sec-websocket-protocol") ?? "", new URL(request.url).search),
          headers,
        })
          ? undefined
          : new Response(null, { status: 426 });
      },
      websocket: {
        open: (socket) => {
          socket.data.socket = socket;
          if (welcome) {
            socket.data.send({
              type: "welcome",
              instance: this.instance,
              shard: 0,
              session: "s",
              pingIntervalMs,
            });
          }
          this.connections.push(socket.data);
        },
        message: (socket, text) => socket.data.receive(String(text)),
        close: (socket, code) => socket.data.closed.push(code),
      },
    });
  }

  get url(): string {
    return `ws://localhost:${this.#server.port}/ws`;
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }
}

/** The server's end of one connection. */
export class Peer {
  socket: ServerWebSocket<Peer> | undefined = undefined;
  /** What the client offered. */
  readonly protocols: string;
  /** Of the URL that it asked for, with its question mark. */
  readonly query: string;

  constructor(protocols: string, query: string) {
    this.protocols = protocols;
    this.query = query;
  }

  readonly subscribes = new Inbox<Subscribe>();
  readonly unsubscribes = new Inbox<ClientMessage & { readonly type: "unsubscribe" }>();
  readonly pings = new Inbox<ClientMessage & { readonly type: "ping" }>();
  readonly auths = new Inbox<ClientMessage & { readonly type: "auth" }>();
  readonly closed = new Inbox<number>();
  /** Types of all requests, in order. */
  readonly order: string[] = [];

  receive(text: string): void {
    const message: ClientMessage = JSON.parse(text);
    this.order.push(message.type);
    if (message.type === "subscribe") this.subscribes.push(message);
    else if (message.type === "unsubscribe") this.unsubscribes.push(message);
    else if (message.type === "auth") this.auths.push(message);
    else this.pings.push(message);
  }

  send(message: ServerMessage): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.socket?.sendText(text);
  }

  /** Several messages in one frame, as a server sends them that was asked to deflate. */
  sendDeflated(messages: readonly ServerMessage[]): void {
    this.sendBytes(Bun.deflateSync(JSON.stringify(messages)));
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.socket?.sendBinary(bytes);
  }

  message(channel: string, cursor: string, more: Partial<DataMessage> = {}): void {
    this.send({ type: "message", channel, cursor, ts: 1, data: cursor, ...more });
  }

  /** Accepts all channels of a request. */
  accept({ id, channels }: Subscribe, mark: string, recovered = true): void {
    const answers = channels.map((item) => ({
      channel: typeof item === "string" ? item : item.channel,
      recovered,
    }));
    this.send({ type: "subscribed", id, mark, channels: answers });
  }

  /** Awaits the next subscribe request and accepts it. */
  async acceptNext(mark: string, recovered = true): Promise<Subscribe> {
    const request = await this.subscribes.next();
    this.accept(request, mark, recovered);
    return request;
  }

  close(code: number, reason = ""): void {
    this.socket?.close(code, reason);
  }

  /** Breaks the connection without a word: the client sees 1006. */
  cut(): void {
    this.socket?.terminate();
  }
}
