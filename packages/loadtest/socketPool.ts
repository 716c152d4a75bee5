import { Fifo } from "@shardcast/server/bus/fifo";
import type { Socket } from "bun";
import type { Dialect } from "./dialect.ts";
import { clientFrame, FrameError, OPCODE, readFrames } from "./frames.ts";
import { readHandshakeAnswer } from "./handshakeAnswer.ts";
import type { SourcePort, SourcePorts } from "./sourcePorts.ts";
import { type Target, type TlsOptions, targetOf } from "./target.ts";

export interface PoolOptions {
  /** `ws://` and `wss://` addresses; clients take them in turn. */
  readonly urls: readonly string[];
  readonly dialect: Dialect;
  /** The handshake is done: how long it took, and how long since it was asked for, which counts the wait for its turn. */
  readonly onOpen: (client: number, tookMs: number, sinceDueMs: number) => void;
  /**
   * It never came to a connection: `connect_failed` with the system's code, `tls_refused`, `timeout`, `closed`, or `http_503` and the
   * like with the server's code. `retryAfterMs` is 0 where the server asks for nothing.
   */
  readonly onRefused: (client: number, reason: string, retryAfterMs: number) => void;
  /** A connection has ended; 1006 where no close frame came. Not called for what `close` ended. `isCut`: by `cut`. */
  readonly onClose: (client: number, code: number, isCut: boolean) => void;
  /** undefined lets the kernel choose from where. */
  readonly sourcePorts: SourcePorts | undefined;
  /** Handshakes under way at once; further ones wait for their turn. */
  readonly handshakesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly authorization?: string | undefined;
  /** Offered beside the dialect's own. */
  readonly subprotocols?: readonly string[];
  readonly tls?: TlsOptions;
}

interface Connection {
  readonly client: number;
  readonly dueMs: number;
  readonly startedMs: number;
  readonly target: Target;
  /** Bytes of a frame, or of the answer to the handshake, that is not whole yet. */
  rest: Uint8Array | undefined;
  /** Once it is there; for a handshake whose time is up. */
  socket: Socket<Connection> | undefined;
  /** What the kernel has not taken yet. */
  unsent: Uint8Array | undefined;
  isOpen: boolean;
  isOver: boolean;
  isCut: boolean;
  closeCode: number;
}

/** A port that another program holds is passed over; so many in a row are no accident. */
const PORTS_TRIED_MAX = 50;

/** Raw sockets with one set of handlers for all: no WebSocket object, no closure and no timer of each connection. */
export class SocketPool {
  readonly #options: PoolOptions;
  readonly #targets: readonly Target[];
  readonly #sockets = new Map<number, Socket<Connection>>();
  readonly #opening = new Set<Connection>();
  readonly #waiting = new Fifo<{ readonly client: number; readonly dueMs: number }>();
  readonly #sweeping: Timer;
  #turn = 0;
  #isEnded = false;
  /** Of the frame under way, for the handler of all frames. */
  #current: Socket<Connection> | undefined;
  /** When the bytes under way were received, in ms since 1970. */
  receivedMs = 0;

  constructor(options: PoolOptions) {
    const { urls, dialect, subprotocols = [], authorization, tls = { isInsecure: false } } = options;
    this.#options = options;
    const own = dialect.subprotocol === undefined ? [] : [dialect.subprotocol];
    const offer = { subprotocols: [...own, ...subprotocols], authorization, tls };
    this.#targets = urls.map((url) => targetOf(url, offer));
    this.#sweeping = setInterval(() => this.#sweep(), 1000);
  }

  /** Those whose handshake is done. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Whether one more would be opened at once. */
  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#opening.size < this.#options.handshakesMax;
  }

  /** Connects as soon as there is a turn for it. `dueMs` is when it should have been, by `performance.now`. */
  open(client: number, dueMs = performance.now()): void {
    this.#waiting.push({ client, dueMs });
    this.#openNext();
  }

  #openNext(): void {
    while (this.#opening.size < this.#options.handshakesMax && !this.#isEnded) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const target = this.#targets[this.#turn++ % this.#targets.length] as Target;
      const connection: Connection = {
        ...{ client: next.client, dueMs: next.dueMs, startedMs: performance.now(), target },
        ...{
          rest: undefined,
          socket: undefined,
          unsent: undefined,
          isOpen: false,
          isOver: false,
          isCut: false,
          closeCode: 1006,
        },
      };
      this.#opening.add(connection);
      void this.#connect(connection);
    }
  }

  async #connect(connection: Connection): Promise<void> {
    const { hostname, port, tls } = connection.target;
    let code = "unknown";
    for (let tried = 0; tried < PORTS_TRIED_MAX; tried++) {
      const source = this.#options.sourcePorts?.next();
      // Bun takes a local address and port, although its types do not tell.
      const options: Bun.TCPSocketConnectOptions<Connection> & Partial<SourcePort> = {
        ...{ hostname, port, socket: this.#handlers, data: connection },
        ...source,
        ...(tls !== undefined && { tls }),
      };
      try {
        await Bun.connect(options);
        return;
      } catch (error) {
        code = codeOf(error);
        if (source === undefined || code !== "EADDRINUSE") break;
      }
    }
    this.#refuse(connection, `connect_failed ${code}`);
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
    write(socket, clientFrame(OPCODE.close, new Uint8Array([3, 232])));
    socket.end();
    return true;
  }

  /** Cuts one connection as a network would, and tells of it. */
  cut(client: number): void {
    const socket = this.#sockets.get(client);
    if (socket === undefined) return;
    socket.data.isCut = true;
    socket.terminate();
  }

  end(): void {
    this.#isEnded = true;
    clearInterval(this.#sweeping);
    for (const client of [...this.#sockets.keys()]) this.close(client);
  }

  readonly #handlers: Bun.SocketHandler<Connection> = {
    open: (socket) => {
      socket.data.socket = socket;
      // It came after its time was up, and has been told as refused.
      if (socket.data.isOver) socket.terminate();
      else if (socket.data.target.tls === undefined) write(socket, socket.data.target.request);
    },
    handshake: (socket, isTrusted, fault) => {
      const { target } = socket.data;
      if (isTrusted || target.tls?.rejectUnauthorized === false) return write(socket, target.request);
      this.#refuse(socket.data, `tls_refused ${codeOf(fault)}`);
      socket.terminate();
    },
    data: (socket, chunk) => this.#receive(socket, chunk),
    drain: (socket) => {
      const { unsent } = socket.data;
      socket.data.unsent = undefined;
      if (unsent !== undefined) write(socket, unsent);
    },
    close: (socket) => this.#closed(socket),
    error: (socket) => {
      socket.terminate();
    },
    // The promise of `connect` rejects as well; without this the runtime would take the error for nobody's.
    connectError: () => undefined,
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
    const answer = readHandshakeAnswer(bytes);
    if (answer === undefined) {
      connection.rest = bytes.slice();
      return -1;
    }
    if (answer.refusal !== undefined) {
      this.#refuse(connection, answer.refusal, answer.retryAfterMs);
      socket.end();
      return -1;
    }
    const { client, dueMs, startedMs } = connection;
    const nowMs = performance.now();
    connection.isOpen = true;
    this.#opening.delete(connection);
    this.#sockets.set(client, socket);
    this.#options.onOpen(client, nowMs - startedMs, nowMs - dueMs);
    for (const greeting of this.#options.dialect.greet(client)) {
      write(socket, clientFrame(OPCODE.text, greeting));
    }
    this.#openNext();
    return answer.end;
  }

  readonly #onFrame = (opcode: number, bytes: Uint8Array, start: number, end: number): void => {
    const socket = this.#current as Socket<Connection>;
    const { dialect } = this.#options;
    if (opcode === OPCODE.binary && dialect.binaryFrame !== undefined) {
      dialect.binaryFrame(socket.data.client, bytes, start, end);
    } else if (opcode === OPCODE.text || opcode === OPCODE.binary) {
      dialect.frame(socket.data.client, bytes, start, end, this.#sendCurrent);
    } else if (opcode === OPCODE.ping) {
      write(socket, clientFrame(OPCODE.pong, bytes.slice(start, end)));
    } else if (opcode === OPCODE.close) {
      if (end - start >= 2)
        socket.data.closeCode = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
      else socket.data.closeCode = 1005;
      socket.end();
    }
  };

  readonly #sendCurrent = (text: string): void => {
    if (this.#current !== undefined) write(this.#current, clientFrame(OPCODE.text, text));
  };

  #closed(socket: Socket<Connection>): void {
    const connection = socket.data;
    if (!connection.isOpen) return this.#refuse(connection, "closed");
    if (connection.isOver) return;
    connection.isOver = true;
    this.#sockets.delete(connection.client);
    this.#options.onClose(connection.client, connection.closeCode, connection.isCut);
  }

  #refuse(connection: Connection, reason: string, retryAfterMs = 0): void {
    if (connection.isOver || connection.isOpen) return;
    connection.isOver = true;
    this.#opening.delete(connection);
    this.#options.onRefused(connection.client, reason, retryAfterMs);
    this.#openNext();
  }

  /** One look over all for handshakes that take too long, in place of a timer for each. */
  #sweep(): void {
    const latest = performance.now() - this.#options.handshakeTimeoutMs;
    for (const connection of [...this.#opening]) {
      if (connection.startedMs >= latest) continue;
      this.#refuse(connection, "timeout");
      connection.socket?.terminate();
    }
  }
}

/** The kernel takes what fits; the rest follows when there is room. */
function write(socket: Socket<Connection>, bytes: Uint8Array): void {
  const { data } = socket;
  if (data.unsent !== undefined) {
    data.unsent = Buffer.concat([data.unsent, bytes]);
    return;
  }
  const written = socket.write(bytes);
  if (written >= 0 && written < bytes.length) data.unsent = bytes.slice(written);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
