import type { Socket } from "bun";
import type { Dialect } from "./dialect.ts";
import { clientFrame, FrameError, OPCODE, readFrames } from "./frames.ts";

export interface PoolOptions {
  /** `ws://` addresses; clients take them in turn. */
  readonly urls: readonly string[];
  readonly dialect: Dialect;
  /** The handshake is done. */
  readonly onOpen: (client: number, tookMs: number) => void;
  /** It never came to a connection: `connect_failed`, `timeout`, `closed`, or `http_503` and the like. */
  readonly onRefused: (client: number, reason: string) => void;
  /** A connection has ended; 1006 where no close frame came. Not called for what `close` ended. */
  readonly onClose: (client: number, code: number) => void;
  /** Loopback addresses to connect from: each gives another set of ports. */
  readonly sourceAddresses: readonly string[];
  readonly handshakeTimeoutMs: number;
}

interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly request: string;
}

interface Connection {
  readonly client: number;
  readonly startedMs: number;
  readonly target: Target;
  /** Bytes of a frame, or of the answer to the handshake, that is not whole yet. */
  rest: Uint8Array | undefined;
  isOpen: boolean;
  isOver: boolean;
  closeCode: number;
}

/** Raw sockets with one set of handlers for all: no WebSocket object, no closure and no timer of each connection. */
export class SocketPool {
  readonly #options: PoolOptions;
  readonly #targets: readonly Target[];
  readonly #sockets = new Map<number, Socket<Connection>>();
  readonly #opening = new Set<Connection>();
  readonly #sweeping: Timer;
  #turn = 0;
  /** Of the frame under way, for the handler of all frames. */
  #current: Socket<Connection> | undefined;
  /** When the bytes under way were received, in ms since 1970. */
  receivedMs = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#targets = options.urls.map((url) => targetOf(url, options.dialect.subprotocol));
    this.#sweeping = setInterval(() => this.#sweep(), 1000);
  }

  /** Those whose handshake is done. */
  get size(): number {
    return this.#sockets.size;
  }

  open(client: number): void {
    const turn = this.#turn++;
    const target = this.#targets[turn % this.#targets.length] as Target;
    const sources = this.#options.sourceAddresses;
    const localAddress = sources.length === 0 ? undefined : sources[turn % sources.length];
    const connection: Connection = {
      client,
      startedMs: performance.now(),
      target,
      rest: undefined,
      isOpen: false,
      isOver: false,
      closeCode: 1006,
    };
    this.#opening.add(connection);
    // Bun takes a local address, although its types do not tell.
    const options: Bun.TCPSocketConnectOptions<Connection> & { localAddress?: string } = {
      hostname: target.hostname,
      port: target.port,
      socket: this.#handlers,
      data: connection,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
    Bun.connect(options).catch(() => this.#refuse(connection, "connect_failed"));
  }

  send(client: number, text: string): void {
    this.#sockets.get(client)?.write(clientFrame(OPCODE.text, text));
  }

  /** Stops reading, as a client that is too slow; `true` reads on. */
  read(client: number, isReading: boolean): void {
    const socket = this.#sockets.get(client);
    if (isReading) socket?.resume();
    else socket?.pause();
  }

  /** Ends one connection from this side, in order. Returns whether there was one. */
  close(client: number): boolean {
    const socket = this.#sockets.get(client);
    if (socket === undefined) return false;
    this.#sockets.delete(client);
    socket.data.isOver = true;
    socket.write(clientFrame(OPCODE.close, new Uint8Array([3, 232])));
    socket.end();
    return true;
  }

  /** Cuts one connection as a network would, and tells of it. */
  cut(client: number): void {
    this.#sockets.get(client)?.terminate();
  }

  end(): void {
    clearInterval(this.#sweeping);
    for (const client of [...this.#sockets.keys()]) this.close(client);
  }

  readonly #handlers: Bun.SocketHandler<Connection> = {
    open: (socket) => {
      // It came after its time was up, and has been told as refused.
      if (socket.data.isOver) socket.terminate();
      else socket.write(socket.data.target.request);
    },
    data: (socket, chunk) => this.#receive(socket, chunk),
    close: (socket) => this.#closed(socket),
    error: (socket) => {
      socket.terminate();
    },
    connectError: (socket) => this.#refuse(socket.data, "connect_failed"),
  };

  #receive(socket: Socket<Connection>, chunk: Uint8Array): void {
    const connection = socket.data;
    if (connection.isOver) return void socket.terminate();
    this.receivedMs = performance.timeOrigin + performance.now();
    const bytes = connection.rest === undefined ? chunk : Buffer.concat([connection.rest, chunk]);
    connection.rest = undefined;
    let at = 0;
    if (!connection.isOpen) {
      at = this.#answer(socket, bytes);
      if (at < 0) return;
    }
    this.#current = socket;
    try {
      at = readFrames(bytes, at, this.#onFrame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      connection.closeCode = 1002;
      socket.terminate();
      return;
    }
    // What is left is copied: the buffer of the chunk is the runtime's, which uses it again.
    if (at < bytes.length) connection.rest = bytes.slice(at);
  }

  /** Reads the answer to the handshake; returns where frames begin, or −1 where it is not whole or refuses. */
  #answer(socket: Socket<Connection>, bytes: Uint8Array): number {
    const connection = socket.data;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      connection.rest = bytes.slice();
      return -1;
    }
    const status = text.toString("latin1", 9, 12);
    if (status !== "101") {
      this.#refuse(connection, `http_${status}`);
      socket.end();
      return -1;
    }
    connection.isOpen = true;
    this.#opening.delete(connection);
    this.#sockets.set(connection.client, socket);
    this.#options.onOpen(connection.client, performance.now() - connection.startedMs);
    for (const greeting of this.#options.dialect.greet(connection.client)) {
      socket.write(clientFrame(OPCODE.text, greeting));
    }
    return end + 4;
  }

  readonly #onFrame = (opcode: number, bytes: Uint8Array, start: number, end: number): void => {
    const socket = this.#current as Socket<Connection>;
    if (opcode === OPCODE.text || opcode === OPCODE.binary) {
      this.#options.dialect.frame(socket.data.client, bytes, start, end, this.#sendCurrent);
    } else if (opcode === OPCODE.ping) {
      socket.write(clientFrame(OPCODE.pong, bytes.slice(start, end)));
    } else if (opcode === OPCODE.close) {
      if (end - start >= 2)
        socket.data.closeCode = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
      else socket.data.closeCode = 1005;
      socket.end();
    }
  };

  readonly #sendCurrent = (text: string): void => {
    this.#current?.write(clientFrame(OPCODE.text, text));
  };

  #closed(socket: Socket<Connection>): void {
    const connection = socket.data;
    if (!connection.isOpen) return this.#refuse(connection, "closed");
    if (connection.isOver) return;
    connection.isOver = true;
    this.#sockets.delete(connection.client);
    this.#options.onClose(connection.client, connection.closeCode);
  }

  #refuse(connection: Connection, reason: string): void {
    if (connection.isOver || connection.isOpen) return;
    connection.isOver = true;
    this.#opening.delete(connection);
    this.#options.onRefused(connection.client, reason);
  }

  /** One look over all for handshakes that take too long, in place of a timer for each. */
  #sweep(): void {
    const latest = performance.now() - this.#options.handshakeTimeoutMs;
    for (const connection of this.#opening) {
      if (connection.startedMs < latest) this.#refuse(connection, "timeout");
    }
  }
}

function targetOf(url: string, subprotocol: string | undefined): Target {
  const { hostname, port, pathname, search, host } = new URL(url);
  const offer = subprotocol === undefined ? "" : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port === "" ? 80 : port),
    request:
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${offer}\r\n`,
  };
}
