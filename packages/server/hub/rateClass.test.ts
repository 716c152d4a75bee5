import { expect, test } from "bun:test";
import { RATES, servedRate } from "@shardcast/protocol/policies";
import fc from "fast-check";
import type { PolicyCounters } from "./policyClass.ts";
import { RateClass, type RateClassLimits } from "./rateClass.ts";
import { EnvelopeText } from "./sendToTopics.ts";
import { SubscriptionRoom } from "./subscriptionRoom.ts";
import { Topics } from "./topics.ts";

function fixture(rate: number, limits?: RateClassLimits) {
  let nowMs = 0;
  const timers: Array<{ atMs: number; fn: () => void }> = [];
  const sent: Array<{ atMs: number; topic: string; text: string }> = [];
  const counters: PolicyCounters = { deliveries: 0, conflated: 0, caughtUp: 0, early: 0 };
  const rateClass = new RateClass(rate, new Topics(rate, new SubscriptionRoom()), {
    broadcast: (topic, text) => sent.push({ atMs: nowMs, topic, text }),
    counters,
    schedule: (delayMs, fn) => timers.push({ atMs: nowMs + delayMs, fn }),
    ...(limits !== undefined && { limits }),
  });
  const text = new EnvelopeText();
  const advanceTo = (toMs: number): void => {
    for (;;) {
      timers.sort((a, b) => a.atMs - b.atMs);
      const first = timers[0];
      if (first === undefined || first.atMs > toMs) break;
      timers.shift();
      nowMs = first.atMs;
      first.fn();
    }
    nowMs = toMs;
  };
  let position = 0;
  return {
    rateClass,
    counters,
    sent,
    timers,
    advanceTo,
    listen(name: string, listeners = 1): void {
      rateClass.topics.acquire(name).listeners += listeners;
    },
    publish(channel: string, value: string): void {
      const envelope = new TextEncoder().encode(value);
      const publication = { offset: position, timestampMs: 0, channel, envelope };
      rateClass.publish(publication, text.of(envelope), position++);
    },
  };
}

test("the newest value of a channel is sent at most at its rate, and the last one always", () => {
  const events = fc.array(fc.record({ channel: fc.constantFrom("a.1", "a.2", "b"), afterMs: fc.nat(300) }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(fc.constantFrom(1, 5, 20), events, (rate, published) => {
      const { sent, listen, publish, advanceTo, timers } = fixture(rate);
      for (const name of ["a.*", "b"]) listen(name);
      const last = new Map<string, string>();
      let nowMs = 0;
      for (const [i, { channel, afterMs }] of published.entries()) {
        nowMs += afterMs;
        advanceTo(nowMs);
        publish(channel, `${channel} ${i}`);
        last.set(channel, `${channel} ${i}`);
      }
      advanceTo(nowMs + 5000);
      for (const [channel, value] of last) {
        const own = sent.filter(({ text }) => text.startsWith(`${channel} `));
        expect(own.at(-1)?.text).toBe(value);
        const numbers = own.map(({ text }) => Number(text.split(" ")[1]));
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        for (const [i, { atMs }] of own.entries()) {
          if (i > 0) expect(atMs - (own[i - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(1000 / rate);
        }
      }
      // A class of silent channels costs nothing.
      expect(timers).toEqual([]);
    }),
  );
});

test("a channel that was silent is sent at once, and a busy one reaches its rate", () => {
  const { sent, listen, publish, advanceTo } = fixture(5);
  listen("x");
  for (let ms = 0; ms <= 10_000; ms += 10) {
    advanceTo(ms);
    publish("x", `${ms}`);
  }
  expect(sent[0]).toEqual({ atMs: 0, topic: "5 x", text: "0" });
  expect(sent.length).toBeGreaterThanOrEqual(49);
  expect(sent.length).toBeLessThanOrEqual(51);
});

test("channels of one rate are sent in the same turns, so that a client's writes do not grow with its channels", () => {
  const { sent, listen, publish, advanceTo } = fixture(5);
  listen("a.*");
  for (let ms = 0; ms <= 4000; ms += 7) {
    advanceTo(ms);
    publish(`a.${ms % 13}`, `${ms}`);
  }
  const turns = new Set(sent.filter(({ atMs }) => atMs > 1000).map(({ atMs }) => atMs));
  expect(turns.size).toBeLessThanOrEqual(16);
});

test("beyond the bound of what waits everything is sent early, and counted: nothing is lost", () => {
  const { sent, listen, publish, advanceTo, counters } = fixture(1, { bytesMax: 50, channelsMax: 3 });
  listen("a.*");
  for (const round of ["first", "second"]) {
    for (let i = 0; i < 3; i++) publish(`a.${i}`, `${round} ${i}`.padEnd(20, "."));
  }
  expect(sent).toHaveLength(6);
  expect(counters.early).toBe(3);
  // A fourth channel is not held to the rate at all.
  publish("a.4", "x");
  publish("a.4", "y");
  expect(sent.slice(-2).map(({ text }) => text)).toEqual(["x", "y"]);
  advanceTo(5000);
  expect(sent).toHaveLength(8);
});

test("messages that a newer one replaced are counted once for each client", () => {
  const { listen, publish, advanceTo, counters } = fixture(5);
  listen("x", 100);
  for (let i = 0; i < 10; i++) publish("x", `${i}`);
  advanceTo(2000);
  expect(counters).toEqual({ deliveries: 200, conflated: 800, caughtUp: 0, early: 0 });
});

test("a rate that is asked for is rounded down to one that is served, and never up", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 1000, noNaN: true }), (asked) => {
      const served = servedRate(asked);
      expect(served).toBeLessThanOrEqual(asked);
      expect(RATES).toContain(served ?? 0);
    }),
  );
  expect(servedRate(7)).toBe(5);
  expect([0, -1, 0.09, Number.NaN].map(servedRate)).toEqual([undefined, undefined, undefined, undefined]);
});
