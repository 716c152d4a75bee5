import type { Socket } from "bun";
import { type BackoffLimits, backoffMs } from "./backoff.ts";
import { BusError, type BusState, type BusSubscription, closedError, type ReconnectableBus } from "./bus.ts";
import { crash } from "./crash.ts";
import { Fifo } from "./fifo.ts";
import { FrameHandlers } from "./frameHandlers.ts";
import {
  LOCAL_MAX_FRAME_BYTES,
  LOCAL_MESSAGE,
  LocalMessageError,
  LocalMessageReader,
  localHeader,
} from "./localMessages.ts";
import { OutgoingBytes } from "./outgoingBytes.ts";
import { StateListeners } from "./stateListeners.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface LocalBusOptions extends Partial<BackoffLimits> {
  /** Of the supervisor's Unix socket. */
  readonly path: string;
  /** Must be the same in server and shards. */
  readonly maxFrameBytes?: number;
  /** Frames that the supervisor has not accepted; `publish` rejects with `bus_full` beyond it. */
  readonly unacknowledgedBytesMax?: number;
  readonly timing?: Timing;
}

const UNACKNOWLEDGED_BYTES_MAX = 16 * 1024 * 1024;
/** What an unacknowledged frame takes beside its bytes, so that many tiny frames are bounded too. */
const UNACKNOWLEDGED_OVERHEAD_BYTES = 128;
const RECONNECT: BackoffLimits = { retryMinMs: 20, retryMaxMs: 1_000 };

interface Unacknowledged {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: BusError) => void;
}

/**
 * A shard's end of the local bus. It connects by itself, and again after each loss, for as long as it is not closed;
 * `publish` rejects with `bus_unavailable` meanwhile, and `subscribe` waits.
 */
export class LocalBroadcastBus implements ReconnectableBus {
  readonly maxFrameBytes: number;
  readonly #path: string;
  readonly #unacknowledgedBytesMax: number;
  readonly #reconnect: BackoffLimits;
  readonly #timing: Timing;
  readonly #handlers = new FrameHandlers();
  readonly #listeners = new StateListeners();
  readonly #outgoing: OutgoingBytes;
  readonly #unacknowledged = new Fifo<Unacknowledged>();
  #unacknowledgedBytes = 0;
  /** `subscribe` calls that the server has not confirmed. */
  #waiting: PromiseWithResolvers<void>[] = [];
  #confirmationsDue = 0;
  #state: BusState = "connecting";
  #socket: Socket | undefined;
  #attempt = 0;
  #cancelReconnect: () => void = () => {};
  #isFlushScheduled = false;

  constructor(options: LocalBusOptions) {
    this.#path = options.path;
    this.maxFrameBytes = options.maxFrameBytes ?? LOCAL_MAX_FRAME_BYTES;
    this.#unacknowledgedBytesMax = options.unacknowledgedBytesMax ?? UNACKNOWLEDGED_BYTES_MAX;
    this.#reconnect = { ...RECONNECT, ...options };
    this.#timing = options.timing ?? SYSTEM_TIMING;
    // `#unacknowledged` is the bound: whatever waits here belongs to one of its frames.
    this.#outgoing = new OutgoingBytes(Number.POSITIVE_INFINITY);
    void this.#connect();
  }

  get state(): BusState {
    return this.#state;
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#listeners.add(listener);
  }

  publish(frame: Uint8Array): Promise<void> {
    if (this.#state === "closed") return Promise.reject(closedError());
    if (frame.length > this.maxFrameBytes) {
      return Promise.reject(new BusError("frame_too_large", `a frame of ${frame.length} bytes`));
    }
    if (this.#state !== "connected") {
      return Promise.reject(new BusError("bus_unavailable", "the supervisor's bus is not connected"));
    }
    const bytes = frame.length + UNACKNOWLEDGED_OVERHEAD_BYTES;
    if (this.#unacknowledged.length > 0 && this.#unacknowledgedBytes + bytes > this.#unacknowledgedBytesMax) {
      return Promise.reject(
        new BusError("bus_full", `${this.#unacknowledgedBytes} bytes are not acknowledged`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#unacknowledged.push({ bytes, resolve, reject });
      this.#unacknowledgedBytes += bytes;
      this.#send(localHeader(LOCAL_MESSAGE.publish, frame.length));
      this.#send(frame);
    });
  }

  /** Resolves when the server has confirmed; rejects only with `bus_closed`. */
  async subscribe(onFrame: (frame: Uint8Array) => void): Promise<BusSubscription> {
    if (this.#state === "closed") throw closedError();
    const remove = this.#handlers.add(onFrame);
    if (this.#handlers.size === 1 && this.#state === "connected") this.#sendSubscribe();
    if (this.#state !== "connected" || this.#confirmationsDue > 0) {
      const confirmed = Promise.withResolvers<void>();
      this.#waiting.push(confirmed);
      await confirmed.promise;
    }
    return {
      close: () => {
        const isLast = remove() && this.#handlers.size === 0;
        if (isLast && this.#state === "connected") this.#send(localHeader(LOCAL_MESSAGE.unsubscribe, 0));
        return Promise.resolve();
      },
    };
  }

  reconnect(reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#lost(socket, reason);
    socket.terminate();
  }

  close(): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#cancelReconnect();
    this.#setState("closed");
    this.#forgetConnection(closedError());
    this.#handlers.clear();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closedError());
    this.#listeners.clear();
    socket?.terminate();
    return Promise.resolve();
  }

  async #connect(): Promise<void> {
    const reader = new LocalMessageReader(this.maxFrameBytes, (type, body) => this.#message(type, body));
    try {
      await Bun.connect({
        unix: this.#path,
        socket: {
          binaryType: "buffer",
          open: (socket) => this.#opened(socket),
          data: (socket, chunk) => this.#data(socket, reader, chunk),
          drain: (socket) => this.#outgoing.flush(socket),
          close: (socket) => this.#lost(socket),
          // What a callback throws would otherwise be swallowed here, and it is a defect.
          error: (_socket, error) => crash(error),
        },
      });
    } catch {
      // The state tells; a supervisor that is just starting is no news.
      this.#retryLater();
    }
  }

  #opened(socket: Socket): void {
    if (this.#state === "closed") {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    this.#attempt = 0;
    this.#setState("connected");
    if (this.#handlers.size > 0) this.#sendSubscribe();
  }

  #lost(socket: Socket, reason = "the connection to the supervisor's bus was lost"): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#forgetConnection(new BusError("bus_unavailable", reason));
    this.#retryLater();
  }

  /** What was sent may or may not have arrived, so all of it counts as not accepted: repeats are harmless. */
  #forgetConnection(error: BusError): void {
    this.#outgoing.clear();
    this.#confirmationsDue = 0;
    this.#unacknowledgedBytes = 0;
    for (
      let frame = this.#unacknowledged.shift();
      frame !== undefined;
      frame = this.#unacknowledged.shift()
    ) {
      frame.reject(error);
    }
  }

  #retryLater(): void {
    if (this.#state === "closed") return;
    if (this.#state === "connected") this.#setState("disconnected");
    const delayMs = backoffMs(this.#attempt++, this.#reconnect, this.#timing.random);
    this.#cancelReconnect = this.#timing.schedule(delayMs, () => void this.#connect());
  }

  #data(socket: Socket, reader: LocalMessageReader, chunk: Uint8Array): void {
    if (socket !== this.#socket) return;
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof LocalMessageError)) throw error;
      socket.terminate();
    }
  }

  #message(type: number, body: Uint8Array): void {
    switch (type) {
      case LOCAL_MESSAGE.frame:
        this.#handlers.deliver(body);
        return;
      case LOCAL_MESSAGE.accepted:
        this.#accepted(body);
        return;
      case LOCAL_MESSAGE.subscribed:
        this.#confirmationsDue = Math.max(0, this.#confirmationsDue - 1);
        if (this.#confirmationsDue === 0) for (const waiting of this.#waiting.splice(0)) waiting.resolve();
        return;
      default:
        throw new LocalMessageError(`message type ${type} is not known`);
    }
  }

  #accepted(body: Uint8Array): void {
    if (body.length !== 4) throw new LocalMessageError("an acknowledgement has four bytes");
    for (let left = new DataView(body.buffer, body.byteOffset).getUint32(0); left > 0; left--) {
      const frame = this.#unacknowledged.shift();
      if (frame === undefined) throw new LocalMessageError("more frames are acknowledged than were sent");
      this.#unacknowledgedBytes -= frame.bytes;
      frame.resolve();
    }
  }

  #sendSubscribe(): void {
    this.#confirmationsDue++;
    this.#send(localHeader(LOCAL_MESSAGE.subscribe, 0));
  }

  /** All that is sent in one turn of the event loop shares a write. */
  #send(chunk: Uint8Array): void {
    this.#outgoing.enqueue(chunk);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      if (this.#socket !== undefined) this.#outgoing.flush(this.#socket);
    });
  }

  #setState(state: BusState): void {
    this.#state = state;
    this.#listeners.tell(state);
  }
}
