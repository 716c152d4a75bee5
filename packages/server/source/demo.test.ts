import { describe, expect, test } from "bun:test";
import { isChannelName } from "@shardcast/protocol/channel";
import { DemoFeed } from "./demo.ts";
import { type DemoMessage, demoMarket } from "./demoMarket.ts";

function take(seed: number, count: number): DemoMessage[] {
  const market = demoMarket(seed);
  return Array.from({ length: count }, () => market.next().value);
}

describe("the demo market", () => {
  test("the same seed gives the same market, another seed another", () => {
    expect(take(1, 100)).toEqual(take(1, 100));
    expect(take(1, 100)).not.toEqual(take(2, 100));
  });

  test("messages are sane however long it runs", () => {
    for (const { channel, data } of take(7, 200_000)) {
      const isSane =
        "price" in data
          ? data.price > 0 && data.size > 0 && channel === `${data.symbol}.trade`
          : data.bid > 0 && data.ask > data.bid && data.bidSize > 0 && channel === `${data.symbol}.quote`;
      if (!isSane || !isChannelName(channel)) throw new Error(JSON.stringify({ channel, data }));
    }
  });

  test("some dozens of symbols trade, some much more than others", () => {
    const trades = new Map<string, number>();
    for (const { channel } of take(3, 50_000)) {
      if (channel.endsWith(".trade")) trades.set(channel, (trades.get(channel) ?? 0) + 1);
    }
    expect(trades.size).toBe(36);
    expect(trades.get("BTC.trade") ?? 0).toBeGreaterThan(10 * (trades.get("FLOW.trade") ?? 0));
  });
});

test("the feed keeps its rate, and does not make up for more than a second", () => {
  let nowMs = 0;
  let tick: (() => void) | undefined;
  const appended: string[] = [];
  const feed = new DemoFeed({
    messagesPerSecond: 130,
    seed: 1,
    append: (channel, payload, timestampMs) => {
      expect(JSON.parse(Buffer.from(payload).toString())).toHaveProperty("symbol");
      expect(timestampMs).toBe(1_764_000_000_000);
      appended.push(channel);
    },
    timing: {
      now: () => nowMs,
      random: () => 0,
      schedule: (_delayMs, fn) => {
        tick = fn;
        return () => {
          tick = undefined;
        };
      },
    },
    wallClock: () => 1_764_000_000_000,
  });
  for (let index = 0; index < 500; index++) {
    nowMs += 20;
    tick?.();
  }
  expect(Math.abs(appended.length - 1_300)).toBeLessThanOrEqual(1);
  nowMs += 3_600_000;
  tick?.();
  expect(appended.length).toBeLessThanOrEqual(1_431);
  feed.close();
  expect(tick).toBeUndefined();
});
