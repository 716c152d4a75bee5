import { randomBytes } from "node:crypto";
import type { BusState, BusSubscription, ReconnectableBus } from "./bus.ts";
import { StateListeners } from "./stateListeners.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface ProbedBusOptions {
  readonly bus: ReconnectableBus;
  /** Called when the bus does not deliver although it looks connected; it is connected anew then. */
  readonly onStale?: (reason: string) => void;
  readonly timing?: Timing;
}

export interface ProbeStats {
  /** Of the last heartbeat that came back, in ms; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /**
   * How far this shard is behind its bus, in ms: the age of the oldest heartbeat on its way, for it waits behind the
   * frames. 0 while the bus is not connected.
   */
  readonly lagMs: number;
  /** How often the bus did not deliver although it looked connected. */
  readonly stale: number;
}

/** No frame begins with it (see `frameCodec.ts`). */
const HEARTBEAT = 0xc6;
const ID_BYTES = 8;
const HEARTBEAT_BYTES = 1 + ID_BYTES + 4;
const INTERVAL_MS = 500;
/** So many looks in a row without a byte, and the bus is stale: with the one under way, about two seconds. */
const SILENT_LOOKS_MAX = 4;
/** Others' frames arrive but our own heartbeats do not come back: our half that publishes may be on another server. */
const UNANSWERED_LOOKS_MAX = 20;
/** Heartbeats on their way; there is no use in more. */
const UNDER_WAY_MAX = 32;

/**
 * Knows whether its bus delivers, by heartbeats that travel through the bus itself: a TCP connection looks alive while
 * its server hangs, while the other end is gone without a word, or while a failover has lost the subscription. It
 * counts looks and not time, because after a pause of its own process all timers are late and nothing has been read yet.
 */
export class ProbedBus implements ReconnectableBus {
  readonly #bus: ReconnectableBus;
  readonly #onStale: (reason: string) => void;
  readonly #timing: Timing;
  readonly #id = randomBytes(ID_BYTES);
  readonly #listeners = new StateListeners();
  /** Heartbeats on their way: number → when. In the order of their sending. */
  readonly #underWay = new Map<number, number>();
  #state: BusState;
  #subscriptions = 0;
  #next = 0;
  #hasReceived = false;
  #isProven = false;
  #silentLooks = 0;
  #unansweredLooks = 0;
  #roundTripMs: number | undefined;
  #stale = 0;
  #cancelLook: () => void = () => {};

  constructor({ bus, onStale = () => {}, timing = SYSTEM_TIMING }: ProbedBusOptions) {
    this.#bus = bus;
    this.#onStale = onStale;
    this.#timing = timing;
    this.#state = bus.state;
    bus.onState((state) => this.#busChanged(state));
    this.#busChanged(bus.state);
    this.#lookLater();
  }

  /** `connected` only once a heartbeat has come back over this connection. */
  get state(): BusState {
    return this.#state;
  }

  get maxFrameBytes(): number {
    return this.#bus.maxFrameBytes;
  }

  get probe(): ProbeStats {
    const [oldestMs] = this.#underWay.values();
    return {
      roundTripMs: this.#roundTripMs,
      lagMs: oldestMs === undefined ? 0 : this.#timing.now() - oldestMs,
      stale: this.#stale,
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#listeners.add(listener);
  }

  publish(frame: Uint8Array): Promise<void> {
    return this.#bus.publish(frame);
  }

  async subscribe(onFrame: (frame: Uint8Array) => void): Promise<BusSubscription> {
    const subscription = await this.#bus.subscribe((bytes) => {
      this.#hasReceived = true;
      if (bytes[0] === HEARTBEAT) this.#heard(bytes);
      else onFrame(bytes);
    });
    this.#subscriptions += 1;
    if (this.#subscriptions === 1) this.#beginConnection();
    let isOpen = true;
    return {
      close: async () => {
        if (isOpen) this.#subscriptions -= 1;
        isOpen = false;
        await subscription.close();
      },
    };
  }

  reconnect(reason: string): void {
    this.#bus.reconnect(reason);
  }

  async close(): Promise<void> {
    this.#cancelLook();
    await this.#bus.close();
    this.#listeners.clear();
  }

  #lookLater(): void {
    this.#cancelLook = this.#timing.schedule(INTERVAL_MS, () => {
      this.#lookLater();
      this.#look();
    });
  }

  /** Without a subscription nothing can come back, so nothing can be told. */
  #look(): void {
    if (this.#bus.state !== "connected" || this.#subscriptions === 0) return;
    this.#silentLooks = this.#hasReceived || this.#underWay.size === 0 ? 0 : this.#silentLooks + 1;
    this.#hasReceived = false;
    this.#unansweredLooks += 1;
    if (this.#silentLooks >= SILENT_LOOKS_MAX) {
      this.#fail("the bus delivers nothing, not even this shard's own heartbeats");
    } else if (this.#unansweredLooks >= UNANSWERED_LOOKS_MAX) {
      this.#fail("this shard's own heartbeats do not come back, although others' frames arrive");
    } else {
      this.#beat();
    }
  }

  #fail(reason: string): void {
    this.#stale += 1;
    this.#onStale(reason);
    this.#bus.reconnect(reason);
  }

  #beat(): void {
    if (this.#underWay.size >= UNDER_WAY_MAX) return;
    const number = this.#next;
    this.#next = (this.#next + 1) % 2 ** 32;
    const bytes = new Uint8Array(HEARTBEAT_BYTES);
    bytes[0] = HEARTBEAT;
    bytes.set(this.#id, 1);
    new DataView(bytes.buffer).setUint32(1 + ID_BYTES, number);
    this.#underWay.set(number, this.#timing.now());
    // A refusal is counted by what it brings: the heartbeat does not come back.
    this.#bus.publish(bytes).catch(() => this.#underWay.delete(number));
  }

  #heard(bytes: Uint8Array): void {
    if (bytes.length !== HEARTBEAT_BYTES || !this.#id.equals(bytes.subarray(1, 1 + ID_BYTES))) return;
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1 + ID_BYTES);
    const sentMs = this.#underWay.get(number);
    if (sentMs === undefined) return;
    this.#roundTripMs = this.#timing.now() - sentMs;
    // Those before it were lost: a bus keeps the order of one publisher.
    for (const older of this.#underWay.keys()) {
      this.#underWay.delete(older);
      if (older === number) break;
    }
    this.#unansweredLooks = 0;
    this.#isProven = true;
    this.#updateState();
  }

  #busChanged(state: BusState): void {
    if (state === "connected") this.#beginConnection();
    else this.#forgetConnection();
    this.#updateState();
  }

  #beginConnection(): void {
    this.#forgetConnection();
    if (this.#bus.state === "connected" && this.#subscriptions > 0) this.#beat();
  }

  #forgetConnection(): void {
    this.#underWay.clear();
    this.#isProven = false;
    this.#hasReceived = false;
    this.#silentLooks = 0;
    this.#unansweredLooks = 0;
  }

  #updateState(): void {
    const { state } = this.#bus;
    const seen = state === "connected" && !this.#isProven ? "connecting" : state;
    if (seen === this.#state) return;
    this.#state = seen;
    this.#listeners.tell(seen);
  }
}
