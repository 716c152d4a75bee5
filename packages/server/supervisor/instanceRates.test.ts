import { expect, test } from "bun:test";
import { InstanceRates } from "./instanceRates.ts";

test("messages are counted once however many shards have them, deliveries of all shards together", () => {
  const rates = new InstanceRates();
  rates.since([counts(100, 1000), counts(90, 500)], 0);
  expect(rates.since([counts(300, 3000), counts(280, 1500)], 2000)).toEqual({
    publicationsPerSecond: 100,
    deliveriesPerSecond: 1500,
  });
});

test("what a shard reads back when it is started anew is no rush of messages", () => {
  const rates = new InstanceRates();
  rates.since([counts(1000, 0), counts(1000, 0)], 0);
  expect(rates.since([counts(1020, 0), undefined], 2000).publicationsPerSecond).toBe(10);
  expect(rates.since([counts(1040, 0), counts(20_000, 0)], 4000).publicationsPerSecond).toBe(10);
  expect(rates.since([counts(1060, 0), counts(20_020, 0)], 6000).publicationsPerSecond).toBe(10);
});

function counts(publications: number, deliveries: number) {
  return { publications, deliveries };
}
