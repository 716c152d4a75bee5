import { afterEach, beforeEach, expect, test } from "bun:test";
import type { BusState, BusSubscription, ReconnectableBus } from "./bus.ts";
import { ProbedBus } from "./probed.ts";
import type { Timing } from "./timing.ts";

/** A bus whose ways can be cut one by one while it looks connected, as no real server does on command. */
class FaultyBus implements ReconnectableBus {
  readonly maxFrameBytes = 1000;
  state: BusState = "connected";
  readonly reconnects: string[] = [];
  deliversOwn = true;
  acceptsNothing = false;
  readonly #handlers = new Set<(frame: Uint8Array) => void>();
  readonly #listeners = new Set<(state: BusState) => void>();

  publish(frame: Uint8Array): Promise<void> {
    if (this.acceptsNothing) return new Promise(() => {});
    if (this.deliversOwn) this.bring(frame);
    return Promise.resolve();
  }

  bring(frame: Uint8Array): void {
    for (const handler of this.#handlers) handler(new Uint8Array(frame));
  }

  subscribe(onFrame: (frame: Uint8Array) => void): Promise<BusSubscription> {
    this.#handlers.add(onFrame);
    return Promise.resolve({
      close: () => {
        this.#handlers.delete(onFrame);
        return Promise.resolve();
      },
    });
  }

  onState(listener: (state: BusState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setState(state: BusState): void {
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }

  reconnect(reason: string): void {
    this.reconnects.push(reason);
    this.setState("disconnected");
  }

  close(): Promise<void> {
    this.setState("closed");
    return Promise.resolve();
  }
}

/** Simulated time: `pass` runs what is due. */
class Clock implements Timing {
  #nowMs = 0;
  #due: Array<{ atMs: number; fn: () => void }> = [];
  readonly now = () => this.#nowMs;
  readonly random = () => 0.5;
  readonly schedule = (delayMs: number, fn: () => void) => {
    const entry = { atMs: this.#nowMs + delayMs, fn };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  };

  /** Each timer fires once it is due, as often as time has come for it. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#due.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#nowMs = next.atMs;
      next.fn();
    }
    this.#nowMs = untilMs;
  }

  /** The process stood still: timers that came due fire once, late. */
  stall(ms: number): void {
    this.#nowMs += ms;
    for (const { fn } of this.#due.splice(0)) fn();
  }
}

let inner: FaultyBus;
let clock: Clock;
let bus: ProbedBus;
let stale: string[];
let received: string[];

beforeEach(async () => {
  inner = new FaultyBus();
  clock = new Clock();
  stale = [];
  received = [];
  bus = new ProbedBus({ bus: inner, timing: clock, onStale: (reason) => stale.push(reason) });
  await bus.subscribe((frame) => received.push(Buffer.from(frame).toString()));
});

afterEach(() => bus.close());

test("it is connected once a heartbeat came back, and stays so; handlers see frames only", async () => {
  clock.pass(60_000);
  expect(bus.state).toBe("connected");
  await bus.publish(Buffer.from("frame"));
  expect(received).toEqual(["frame"]);
  expect(inner.reconnects).toEqual([]);
  expect(bus.probe).toEqual({ roundTripMs: 0, lagMs: 0, stale: 0 });
});

test("a bus that delivers nothing is found out within about two seconds, and connected anew", () => {
  clock.pass(5000);
  inner.deliversOwn = false;
  clock.pass(2000);
  expect(stale).toEqual([]);
  clock.pass(1000);
  expect(stale).toHaveLength(1);
  expect(inner.reconnects).toHaveLength(1);
  expect(bus.state).toBe("disconnected");
  inner.deliversOwn = true;
  inner.setState("connected");
  expect(bus.state).toBe("connected");
  expect(bus.probe.stale).toBe(1);
});

test("a bus that accepts nothing is found out as well", () => {
  inner.acceptsNothing = true;
  clock.pass(3000);
  expect(inner.reconnects).toHaveLength(1);
});

test("a connection over which nothing has come back yet is not called connected", () => {
  inner.deliversOwn = false;
  inner.setState("disconnected");
  inner.setState("connected");
  expect(bus.state).toBe("connecting");
});

test("while others' frames arrive, one whose own heartbeats are late is behind and not stale", () => {
  clock.pass(1000);
  inner.deliversOwn = false;
  for (let step = 0; step < 30; step++) {
    inner.bring(Buffer.from("frame of another"));
    clock.pass(250);
  }
  expect(inner.reconnects).toEqual([]);
  expect(bus.state).toBe("connected");
  expect(bus.probe.lagMs).toBeGreaterThan(6000);
});

test("but it is connected anew when they do not come back at all", () => {
  clock.pass(1000);
  inner.deliversOwn = false;
  for (let step = 0; step < 48; step++) {
    inner.bring(Buffer.from("frame of another"));
    clock.pass(250);
  }
  expect(inner.reconnects).toHaveLength(1);
});

test("a pause of the own process is no sign that the bus is stale", () => {
  clock.pass(1000);
  inner.deliversOwn = false;
  clock.pass(500);
  clock.stall(30_000);
  expect(inner.reconnects).toEqual([]);
});

test("without a subscription nothing is told, because nothing could come back", async () => {
  const alone = new FaultyBus();
  const other = new ProbedBus({ bus: alone, timing: clock });
  clock.pass(30_000);
  expect(alone.reconnects).toEqual([]);
  await other.close();
});

test("heartbeats on their way are bounded", () => {
  inner.deliversOwn = false;
  for (let step = 0; step < 200; step++) {
    inner.bring(Buffer.from("frame of another"));
    clock.pass(50);
  }
  expect(bus.probe.lagMs).toBeLessThanOrEqual(10_500);
});
