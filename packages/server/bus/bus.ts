/**
 * Fans frames out to all shards of the cluster. A bus may lose, delay, repeat or cut: latency depends on it,
 * correctness never does, because the log is the truth (see `stream/assemble.ts`).
 *
 * Frames of one publisher reach one subscriber in the order of their publishing, as long as neither reconnects.
 * After `close`, `publish` rejects with `BusError` (`bus_closed`) and no handler is called any more.
 */
export interface BroadcastBus {
  /** Larger frames are refused for good: `publish` rejects with `frame_too_large`. */
  readonly maxFrameBytes: number;
  /**
   * Resolves once the bus has accepted the frame; rejects with a `BusError` otherwise, at once (`bus_full`) when
   * too many bytes are unacknowledged, because a client's own buffer grows without bound when its server hangs. The
   * caller keeps the bytes unchanged until then, and retries.
   */
  publish(frame: Uint8Array): Promise<void>;
  /** Calls `onFrame` for every frame of every publisher, this one's own included. The bytes are the handler's. */
  subscribe(onFrame: (frame: Uint8Array) => void): Promise<BusSubscription>;
  close(): Promise<void>;
}

export interface BusSubscription {
  close(): Promise<void>;
}

export type BusState = "connecting" | "connected" | "disconnected" | "closed";

/** An optional ability of a bus: telling what it knows of its own connection. */
export interface ObservableBus {
  readonly state: BusState;
  /** Calls back on every change; returns a function that ends that. */
  onState(listener: (state: BusState) => void): () => void;
}

/** A bus that can be told that its connection is dead, although it looks alive (see `ProbedBus`). */
export interface ReconnectableBus extends BroadcastBus, ObservableBus {
  /** Drops the connection at once, also one that hangs, rejects what is unacknowledged, and connects anew. */
  reconnect(reason: string): void;
}

export type BusErrorCode = "bus_full" | "bus_closed" | "bus_unavailable" | "frame_too_large";

export class BusError extends Error {
  override readonly name = "BusError";
  readonly code: BusErrorCode;
  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function closedError(): BusError {
  return new BusError("bus_closed", "the bus is closed");
}
