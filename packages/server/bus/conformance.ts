import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type BroadcastBus, BusError, type BusState, type ReconnectableBus } from "./bus.ts";
import { connected, stateOf } from "./busState.fixture.ts";

export type ConformingBus = ReconnectableBus;

/** A real server of the driver under test, and buses that connect to it. */
export interface BusUnderTest {
  /** A bus that is connected, with fast reconnects. The suite closes it. */
  create(options?: { readonly unacknowledgedBytesMax: number }): Promise<ConformingBus>;
  /** Takes the server away, so that every connection breaks; the result brings it back. */
  cut?(): Promise<() => Promise<void>>;
  /** Makes the server hang while its connections stay; the result ends that. */
  hang?(): Promise<() => Promise<void>>;
  /** Ends the server. */
  close(): Promise<void>;
}

/** What every bus must do, against its real server. `factory` starts one per test. */
export function busConformance(name: string, factory: () => Promise<BusUnderTest>): void {
  describe(`the contract of a bus: ${name}`, () => {
    let server: BusUnderTest;
    let buses: ConformingBus[];

    beforeEach(async () => {
      server = await factory();
      buses = [];
    });

    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await server.close();
    });

    async function create(options?: { readonly unacknowledgedBytesMax: number }): Promise<ConformingBus> {
      const bus = await server.create(options);
      buses.push(bus);
      return bus;
    }

    test("frames of each publisher reach every subscriber in order, its own included", async () => {
      const [one, two] = [await create(), await create()];
      const inboxes = [await Inbox.of(one), await Inbox.of(two)];
      const numbers = Array.from({ length: 300 }, (_, index) => index);
      await Promise.all(
        numbers.flatMap((number) => [one.publish(text(`one ${number}`)), two.publish(text(`two ${number}`))]),
      );
      for (const inbox of inboxes) {
        const received = (await inbox.take(600)).map((frame) => frame.toString());
        for (const publisher of ["one", "two"]) {
          const own = received.filter((frame) => frame.startsWith(publisher));
          expect(own).toEqual(numbers.map((number) => `${publisher} ${number}`));
        }
      }
    });

    test("a frame reaches many subscribers", async () => {
      const inboxes = [];
      for (let index = 0; index < 8; index++) inboxes.push(await Inbox.of(await create()));
      await (await create()).publish(text("hello"));
      for (const inbox of inboxes) expect((await inbox.take(1)).map(String)).toEqual(["hello"]);
    });

    test("frames are bytes of any value", async () => {
      const bus = await create();
      const inbox = await Inbox.of(bus);
      const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const frames = [
        all,
        Buffer.from([0]),
        Buffer.from("\r\n"),
        Buffer.from([0xff, 0xfe]),
        Buffer.alloc(70_000, 13),
      ];
      for (const frame of frames) await bus.publish(frame);
      const received = await inbox.take(frames.length);
      for (const [index, frame] of frames.entries()) expect(received[index]?.equals(frame)).toBe(true);
    });

    test("a frame of the greatest size passes, a larger one is refused for good", async () => {
      const bus = await create();
      const inbox = await Inbox.of(bus);
      await expectBusError(bus.publish(new Uint8Array(bus.maxFrameBytes + 1)), "frame_too_large");
      await bus.publish(Buffer.alloc(bus.maxFrameBytes, 7));
      await bus.publish(text("after"));
      const [large, after] = await inbox.take(2);
      expect(large?.length).toBe(bus.maxFrameBytes);
      expect(large?.every((byte) => byte === 7)).toBe(true);
      expect(after?.toString()).toBe("after");
    });

    test("the bytes are the caller's again once the bus has accepted them", async () => {
      const bus = await create();
      const inbox = await Inbox.of(bus);
      const frame = text("first");
      await bus.publish(frame);
      frame.fill(0);
      expect((await inbox.take(1)).map(String)).toEqual(["first"]);
    });

    test("the bytes are each handler's own", async () => {
      const bus = await create();
      const scribbler = await bus.subscribe((frame) => frame.fill(0));
      const inbox = await Inbox.of(bus);
      const scribblerToo = await bus.subscribe((frame) => frame.fill(1));
      await bus.publish(text("intact"));
      expect((await inbox.take(1)).map(String)).toEqual(["intact"]);
      await scribbler.close();
      await scribblerToo.close();
    });

    test("closing one of two subscriptions leaves the other", async () => {
      const bus = await create();
      const inbox = await Inbox.of(bus);
      let strays = 0;
      const other = await bus.subscribe(() => strays++);
      await other.close();
      await other.close();
      await bus.publish(text("x"));
      expect(await inbox.take(1)).toHaveLength(1);
      expect(strays).toBe(0);
    });

    test("a bus whose last subscription was closed can subscribe again", async () => {
      const bus = await create();
      const first = await bus.subscribe(() => {});
      await first.close();
      const inbox = await Inbox.of(bus);
      await bus.publish(text("x"));
      expect(await inbox.take(1)).toHaveLength(1);
    });

    test("after close nothing is published, subscribed or delivered any more", async () => {
      const [bus, other] = [await create(), await create()];
      const states: BusState[] = [];
      bus.onState((state) => states.push(state));
      let strays = 0;
      await bus.subscribe(() => strays++);
      const witness = await Inbox.of(other);
      const underWay = bus.publish(text("under way")).catch((error: unknown) => error);
      await bus.close();
      await bus.close();
      expect(bus.state).toBe("closed");
      expect(states).toEqual(["closed"]);
      const straysAtClose = strays;
      const outcome = await underWay;
      if (outcome !== undefined) expect(outcome).toMatchObject({ code: "bus_closed" });
      await expectBusError(bus.publish(text("x")), "bus_closed");
      await expectBusError(
        bus.subscribe(() => {}),
        "bus_closed",
      );
      await other.publish(text("last"));
      await witness.takeUntil("last");
      expect(strays).toBe(straysAtClose);
    });

    test("after a cut it connects and subscribes again by itself", async () => {
      if (server.cut === undefined) return;
      const [bus, other] = [await create(), await create()];
      const inbox = await Inbox.of(bus);
      await bus.publish(text("before"));
      await inbox.takeUntil("before");
      const restore = await server.cut();
      await Promise.all([
        stateOf(bus, (state) => state !== "connected"),
        stateOf(other, (s) => s !== "connected"),
      ]);
      await expectBusError(other.publish(text("lost")), "bus_unavailable");
      const subscribing = Inbox.of(other);
      await restore();
      await Promise.all([connected(bus), connected(other)]);
      const second = await subscribing;
      // The other side may be a moment behind in subscribing again, and frames before that are lost by right.
      await publishUntil(other, inbox, "after");
      await publishUntil(bus, second, "and back");
    });

    test("what was under way when the server went away is rejected or resolved, never forgotten", async () => {
      if (server.cut === undefined) return;
      const bus = await create();
      const frames = Array.from({ length: 50 }, () => bus.publish(Buffer.alloc(50_000)));
      const outcomes = Promise.allSettled(frames);
      const restore = await server.cut();
      for (const outcome of await outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "bus_unavailable" });
      }
      await restore();
    });

    test("a server that hangs makes publish reject at once, instead of filling memory", async () => {
      if (server.hang === undefined) return;
      const bus = await create({ unacknowledgedBytesMax: 1_000_000 });
      await bus.publish(text("before"));
      const resume = await server.hang();
      const accepted: Promise<void>[] = [];
      let refusal: unknown;
      for (let index = 0; index < 100 && refusal === undefined; index++) {
        const publishing = bus.publish(Buffer.alloc(100_000));
        // A refusal at once is there before the next turn of the event loop; what hangs is not.
        refusal = await Promise.race([rejectionOf(publishing), nextTurn()]);
        if (refusal === undefined) accepted.push(publishing);
      }
      expect(refusal).toMatchObject({ code: "bus_full" });
      expect(accepted.length).toBeGreaterThan(4);
      expect(accepted.length).toBeLessThan(11);
      await resume();
      await Promise.all(accepted);
      await bus.publish(text("after"));
    });

    test("told that its connection is dead, it rejects what was under way and connects anew", async () => {
      const [bus, other] = [await create(), await create()];
      const inbox = await Inbox.of(bus);
      const states: BusState[] = [];
      bus.onState((state) => states.push(state));
      const resume = await server.hang?.();
      const underWay = Array.from({ length: 20 }, () => bus.publish(Buffer.alloc(50_000)));
      const outcomes = Promise.allSettled(underWay);
      bus.reconnect("a test says so");
      bus.reconnect("and again");
      expect(states).toEqual(["disconnected"]);
      await expectBusError(bus.publish(text("lost")), "bus_unavailable");
      // While the server hangs nothing can come of it but this.
      for (const { reason } of (await outcomes) as PromiseRejectedResult[]) {
        expect(reason).toMatchObject({ code: "bus_unavailable" });
      }
      await resume?.();
      await connected(bus);
      await publishUntil(other, inbox, "after");
      await publishUntil(bus, inbox, "its own");
    });

    test("it closes at once while the server hangs, and what was under way is rejected", async () => {
      if (server.hang === undefined) return;
      const bus = await create();
      const resume = await server.hang();
      const underWay = [1, 2, 3].map(() => rejectionOf(bus.publish(Buffer.alloc(200_000))));
      // Nothing that the server does can help, for it does nothing.
      await bus.close();
      for (const error of await Promise.all(underWay)) expect(error).toMatchObject({ code: "bus_closed" });
      await resume();
    });

    test("a bus that is closed while it has no connection rejects who waits for one", async () => {
      if (server.cut === undefined) return;
      const bus = await create();
      const restore = await server.cut();
      await stateOf(bus, (state) => state !== "connected");
      const subscribing = rejectionOf(bus.subscribe(() => {}));
      bus.reconnect("it has none");
      await bus.close();
      expect(await subscribing).toMatchObject({ code: "bus_closed" });
      expect(bus.state).toBe("closed");
      await restore();
    });
  });
}

/** Collects what a subscription brings. */
class Inbox {
  #frames: Buffer[] = [];
  #wake: () => void = () => {};

  static async of(bus: BroadcastBus): Promise<Inbox> {
    const inbox = new Inbox();
    await bus.subscribe((frame) => {
      inbox.#frames.push(Buffer.from(frame));
      inbox.#wake();
    });
    return inbox;
  }

  get size(): number {
    return this.#frames.length;
  }

  async take(count: number): Promise<Buffer[]> {
    while (this.#frames.length < count) await this.arrival();
    return this.#frames.splice(0, count);
  }

  async takeUntil(last: string): Promise<void> {
    for (;;) if (String((await this.take(1))[0]) === last) return;
  }

  /** Resolves with the next frame that arrives. */
  arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

async function publishUntil(bus: BroadcastBus, inbox: Inbox, word: string): Promise<void> {
  const seen = inbox.takeUntil(word);
  let isSeen = false;
  const done = seen.then(() => {
    isSeen = true;
  });
  while (!isSeen) {
    await bus.publish(text(word));
    await Promise.race([done, nextTurn()]);
  }
}

async function expectBusError(promise: Promise<unknown>, code: BusError["code"]): Promise<void> {
  const error = await rejectionOf(promise);
  expect(error).toBeInstanceOf(BusError);
  expect(error).toMatchObject({ code });
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)));
}

function text(content: string): Buffer {
  return Buffer.from(content);
}
