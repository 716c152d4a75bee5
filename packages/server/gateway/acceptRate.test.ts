import { expect, test } from "bun:test";
import fc from "fast-check";
import { AcceptRate, type AcceptRateOptions } from "./acceptRate.ts";
import type { ClientAddress } from "./clientAddress.ts";

function rateAt(clock: { ms: number }, options: Partial<AcceptRateOptions>): AcceptRate {
  return new AcceptRate({
    ...{ perSecond: 1000, perSecondPerAddress: 0, shard: 0, shards: 1, now: () => clock.ms },
    ...options,
  });
}

const PUBLIC: ClientAddress = { key: "203.0.113.9", isPrivate: false };
const OTHER: ClientAddress = { key: "203.0.113.10", isPrivate: false };
const PRIVATE: ClientAddress = { key: "10.0.0.1", isPrivate: true };

function taken(rate: AcceptRate, count: number, address?: ClientAddress): number {
  return Array.from({ length: count }, () => rate.take(address)).filter((refused) => refused === undefined)
    .length;
}

test("whenever clients come, and to whichever shard, no second has more than the instance may take", () => {
  const arrivals = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), shard: fc.integer({ min: 0, max: 2 }) }),
    { minLength: 50, maxLength: 400 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 20 }), arrivals, (perSecond, all) => {
      const clock = { ms: 0 };
      const shards = [0, 1, 2].map((shard) => rateAt(clock, { perSecond, shard, shards: 3 }));
      const accepted: number[] = [];
      for (const { afterMs, shard } of all) {
        clock.ms += afterMs;
        if (shards[shard]?.take(undefined) === undefined) accepted.push(clock.ms);
      }
      for (const beginMs of accepted) {
        const inSecond = accepted.filter((ms) => ms >= beginMs && ms < beginMs + 1000).length;
        expect(inSecond).toBeLessThanOrEqual(perSecond);
      }
    }),
  );
});

test("the shares of all shards are what the instance may take", () => {
  const shares = [0, 1, 2].map((shard) => rateAt({ ms: 0 }, { perSecond: 11, shard, shards: 3 }).perSecond);
  expect(shares).toEqual([4, 4, 3]);
});

test("an address has its own limit, and what it asks for too much uses up nothing of the others'", () => {
  const clock = { ms: 0 };
  const rate = rateAt(clock, { perSecond: 10, perSecondPerAddress: 4 });
  expect(rate.take(PUBLIC)).toBeUndefined();
  expect(taken(rate, 100, PUBLIC)).toBe(3);
  expect(rate.take(PUBLIC)).toBe("address");
  expect(taken(rate, 4, OTHER)).toBe(4);
  expect(taken(rate, 100)).toBe(2);
  expect(rate.take(undefined)).toBe("instance");
  clock.ms = 1000;
  expect(taken(rate, 100, PUBLIC)).toBe(4);
});

test("an address may have as many waiting for their turn as it may have let in at once, where places are few", () => {
  const rate = rateAt({ ms: 0 }, { perSecondPerAddress: 5, shards: 2 });
  const leave = Array.from({ length: 10 }, () => rate.wait(PUBLIC, false));
  expect(rate.wait(PUBLIC, true)).toBeUndefined();
  expect(rate.wait(OTHER, true)).toBeDefined();
  for (let count = 0; count < 10; count++) expect(rate.wait(undefined, true)).toBeDefined();
  for (const each of leave.slice(1)) each?.();
  expect(rate.wait(PUBLIC, true)).toBeDefined();
  expect(rate.wait(PUBLIC, true)).toBeUndefined();
});

test("unless told otherwise private addresses, such as a balancer's, are not limited", () => {
  const auto = rateAt({ ms: 0 }, { perSecondPerAddress: "auto" });
  expect(taken(auto, 500, PRIVATE)).toBe(500);
  expect(taken(auto, 500, PUBLIC)).toBe(100);
  expect(taken(rateAt({ ms: 0 }, { perSecondPerAddress: 4 }), 500, PRIVATE)).toBe(4);
  expect(taken(rateAt({ ms: 0 }, { perSecondPerAddress: 0 }), 500, PUBLIC)).toBe(500);
});

test("addresses are forgotten once their time is over, and for room", () => {
  const clock = { ms: 0 };
  const rate = rateAt(clock, { perSecond: 100_000, perSecondPerAddress: 1 });
  for (let host = 0; host < 70_000; host++) rate.take({ key: `${host}`, isPrivate: false });
  expect([rate.addresses, rate.forgotten]).toEqual([65_536, 70_000 - 65_536]);
  clock.ms = 1000;
  rate.take(PUBLIC);
  expect(rate.addresses).toBe(1);
  clock.ms = 2000;
  expect(rate.addresses).toBe(0);
});
