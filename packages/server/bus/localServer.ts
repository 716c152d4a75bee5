import type { Socket, UnixSocketListener } from "bun";
import { BusError, closedError } from "./bus.ts";
import { crash } from "./crash.ts";
import {
  LOCAL_MAX_FRAME_BYTES,
  LOCAL_MESSAGE,
  LocalMessageError,
  LocalMessageReader,
  localHeader,
} from "./localMessages.ts";
import { OutgoingBytes } from "./outgoingBytes.ts";

export interface LocalBusServerOptions {
  /** Of the Unix socket. Whoever may open it may read and publish everything. */
  readonly path: string;
  /** Must be the same in server and shards. */
  readonly maxFrameBytes?: number;
  /** What may wait for one shard before it is cut off. */
  readonly queueBytesMax?: number;
}

export interface LocalBusServerStats {
  readonly shards: number;
  readonly frames: number;
  readonly bytes: number;
  /** The longest queue of a shard at this moment. */
  readonly queuedBytesMax: number;
  /** Shards whose queue was full: they connect again and repair from the log. */
  readonly cutOff: number;
  /** Connections that sent what is no message. */
  readonly malformed: number;
}

const QUEUE_BYTES_MAX = 32 * 1024 * 1024;

/** Frames of one event-loop turn share a write; beyond this the turn is not waited for. */
const TURN_BYTES_MAX = 1024 * 1024;

interface Connection {
  readonly reader: LocalMessageReader;
  readonly outgoing: OutgoingBytes;
  isSubscribed: boolean;
  /** Frames of this shard that are not yet acknowledged. */
  unacknowledged: number;
}

type ShardSocket = Socket<Connection>;

/**
 * The bus of one instance, in its supervisor: every frame goes to every subscribed shard, its publisher included. A
 * frame is accepted when it is in all their queues. A shard that falls behind is cut off rather than waited for.
 */
export class LocalBusServer {
  readonly maxFrameBytes: number;
  readonly #queueBytesMax: number;
  readonly #listener: UnixSocketListener<Connection>;
  readonly #sockets = new Set<ShardSocket>();
  /** Headers and frames of this turn. */
  #turn: Uint8Array[] = [];
  #turnBytes = 0;
  #turnDone: Array<() => void> = [];
  #isFlushScheduled = false;
  #isClosed = false;
  #frames = 0;
  #bytes = 0;
  #cutOff = 0;
  #malformed = 0;

  /** Listens at once. Throws where the path is taken. */
  constructor(options: LocalBusServerOptions) {
    this.maxFrameBytes = options.maxFrameBytes ?? LOCAL_MAX_FRAME_BYTES;
    this.#queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
    this.#listener = Bun.listen<Connection>({
      unix: options.path,
      socket: {
        binaryType: "buffer",
        open: (socket) => this.#open(socket),
        data: (socket, chunk) => this.#data(socket, chunk),
        drain: (socket) => socket.data.outgoing.flush(socket),
        close: (socket) => {
          this.#sockets.delete(socket);
        },
        // What a callback throws would otherwise be swallowed here, and it is a defect.
        error: (_socket, error) => crash(error),
      },
    });
  }

  get stats(): LocalBusServerStats {
    let queuedBytesMax = 0;
    for (const { data } of this.#sockets) queuedBytesMax = Math.max(queuedBytesMax, data.outgoing.bytes);
    return {
      shards: this.#sockets.size,
      frames: this.#frames,
      bytes: this.#bytes,
      queuedBytesMax,
      cutOff: this.#cutOff,
      malformed: this.#malformed,
    };
  }

  /** Publishes a frame of the supervisor itself, under the contract of `BroadcastBus.publish`. */
  publish(frame: Uint8Array): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError());
    if (frame.length > this.maxFrameBytes) {
      return Promise.reject(new BusError("frame_too_large", `a frame of ${frame.length} bytes`));
    }
    return new Promise((resolve) => {
      this.#turnDone.push(resolve);
      this.#broadcast(frame);
    });
  }

  /** Closes all connections and removes the socket. Frames of this turn are still handed over. */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#flushTurn();
      this.#isClosed = true;
      this.#listener.stop(true);
    }
    return Promise.resolve();
  }

  #open(socket: ShardSocket): void {
    const reader = new LocalMessageReader(this.maxFrameBytes, (type, body) =>
      this.#message(socket, type, body),
    );
    const outgoing = new OutgoingBytes(this.#queueBytesMax);
    socket.data = { reader, outgoing, isSubscribed: false, unacknowledged: 0 };
    this.#sockets.add(socket);
  }

  #data(socket: ShardSocket, chunk: Uint8Array): void {
    try {
      socket.data.reader.push(chunk);
    } catch (error) {
      if (!(error instanceof LocalMessageError)) throw error;
      this.#malformed++;
      this.#drop(socket);
    }
  }

  #message(socket: ShardSocket, type: number, body: Uint8Array): void {
    switch (type) {
      case LOCAL_MESSAGE.publish:
        socket.data.unacknowledged++;
        this.#broadcast(body);
        return;
      case LOCAL_MESSAGE.subscribe:
        socket.data.isSubscribed = true;
        this.#send(socket, localHeader(LOCAL_MESSAGE.subscribed, 0));
        this.#scheduleFlush();
        return;
      case LOCAL_MESSAGE.unsubscribe:
        socket.data.isSubscribed = false;
        return;
      default:
        throw new LocalMessageError(`message type ${type} is not known`);
    }
  }

  #broadcast(frame: Uint8Array): void {
    this.#frames++;
    this.#bytes += frame.length;
    this.#turn.push(localHeader(LOCAL_MESSAGE.frame, frame.length), frame);
    this.#turnBytes += frame.length;
    if (this.#turnBytes >= TURN_BYTES_MAX) this.#flushTurn();
    else this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      if (!this.#isClosed) this.#flushTurn();
    });
  }

  /** The frames of the turn are joined once, and all queues share the result. */
  #flushTurn(): void {
    const block = this.#turn.length > 0 ? Buffer.concat(this.#turn) : undefined;
    this.#turn = [];
    this.#turnBytes = 0;
    for (const socket of this.#sockets) {
      const { data } = socket;
      if (block !== undefined && data.isSubscribed) this.#send(socket, block);
      if (data.unacknowledged > 0) {
        this.#send(socket, acceptedMessage(data.unacknowledged));
        data.unacknowledged = 0;
      }
      data.outgoing.flush(socket);
    }
    const done = this.#turnDone;
    this.#turnDone = [];
    for (const resolve of done) resolve();
  }

  #send(socket: ShardSocket, chunk: Uint8Array): void {
    if (!this.#sockets.has(socket) || socket.data.outgoing.enqueue(chunk)) return;
    this.#cutOff++;
    this.#drop(socket);
  }

  #drop(socket: ShardSocket): void {
    this.#sockets.delete(socket);
    socket.data.outgoing.clear();
    socket.terminate();
  }
}

function acceptedMessage(frames: number): Uint8Array {
  const count = Buffer.allocUnsafe(4);
  count.writeUInt32BE(frames, 0);
  return Buffer.concat([localHeader(LOCAL_MESSAGE.accepted, count.length), count]);
}
