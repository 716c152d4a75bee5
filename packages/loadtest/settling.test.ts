import { expect, test } from "bun:test";
import { freePorts } from "../../test/services/ports.ts";
import { OPEN_ACCESS } from "./access.ts";
import { startBadServer } from "./badServer.fixture.ts";
import { runLoadTest } from "./coordinator.ts";
import type { Report, Sample } from "./report.ts";
import { readScenario } from "./scenario.ts";

const TEST_MS = 60_000;

interface Run {
  readonly report: Report;
  readonly tookMs: number;
}

async function runOn(
  over: Record<string, unknown>,
  signal = new AbortController().signal,
  onSample: (sample: Sample) => void = () => undefined,
): Promise<Run> {
  const scenario = readScenario("", {
    ...{ connections: 20, holdSeconds: 1.2, messagesPerSecond: 60, channels: ["a.load", "b.load"] },
    ...over,
  });
  const startedMs = performance.now();
  const report = await runLoadTest({ scenario, access: OPEN_ACCESS, kafka: undefined, signal, onSample });
  return { report, tookMs: performance.now() - startedMs };
}

function brokenIn({ checks }: Report): string[] {
  return checks.filter(({ held }) => !held).map(({ name }) => name);
}

test(
  "clients that are replaced all the time are no reason why not all are there at the end",
  async () => {
    const server = startBadServer({});
    const { report } = await runOn({ urls: [server.url], admins: [server.admin], churnPerSecond: 2000 });
    expect(brokenIn(report)).toEqual([]);
    expect(report.disturbed["replaced"]).toBeGreaterThan(100);
    await server.stop();
  },
  TEST_MS,
);

test(
  "what a slow client has not read yet when the hold ends is not lost",
  async () => {
    const server = startBadServer({});
    const slow = { share: 0.5, pauseMs: 30_000, everyMs: 1000 };
    const { report } = await runOn({ urls: [server.url], admins: [server.admin], slow });
    expect(brokenIn(report)).toEqual([]);
    expect(report.disturbed["paused"]).toBe(10);
    await server.stop();
  },
  TEST_MS,
);

test(
  "a server that is late has lost nothing, and what comes after the hold is not of its rate",
  async () => {
    const server = startBadServer({ delayMs: 3500 });
    const { report } = await runOn({ urls: [server.url], admins: [server.admin] });
    expect(brokenIn(report)).toEqual([]);
    expect(report.deliveries).toBe(report.published * 20);
    expect(report.latencyMs.p50).toBeGreaterThan(3400);
    expect(report.deliveriesPerSecond).toBe(0);
    await server.stop();
  },
  TEST_MS,
);

test(
  "somebody else's messages that do not end keep no run from its end",
  async () => {
    const server = startBadServer({ chatters: Number.POSITIVE_INFINITY });
    const { report, tookMs } = await runOn({
      ...{ urls: [server.url], admins: [server.admin], channels: ["a.load"], publish: "none" },
    });
    expect(brokenIn(report)).toEqual([]);
    expect(tookMs).toBeLessThan(15_000);
    await server.stop();
  },
  TEST_MS,
);

test(
  "somebody else who publishes no more is a failure, also where the hold is short",
  async () => {
    const server = startBadServer({ chatters: 100 });
    const { report } = await runOn({
      ...{
        urls: [server.url],
        admins: [server.admin],
        channels: ["a.load"],
        publish: "none",
        holdSeconds: 8,
      },
    });
    expect(brokenIn(report)).toEqual(["longest silence, s"]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "who ends a run while clients still come waits for none of them, and it does not count as held",
  async () => {
    const server = startBadServer({});
    const ending = new AbortController();
    const over = { urls: [server.url], admins: [server.admin], connections: 2000, connectionsPerSecond: 10 };
    const { report, tookMs } = await runOn(over, ending.signal, ({ connected }) => {
      if (connected > 0) ending.abort();
    });
    expect(report.wasInterrupted).toBe(true);
    expect(brokenIn(report)).toContain("seconds held");
    expect(report.notes.join()).toContain("ended early");
    expect(tookMs).toBeLessThan(20_000);
    await server.stop();
  },
  TEST_MS,
);

test(
  "where nobody can connect a run ends long before it would have, and says why",
  async () => {
    const [port] = await freePorts(1);
    const { report, tookMs } = await runOn({
      ...{ urls: [`ws://127.0.0.1:${port}/ws`], admins: [`http://127.0.0.1:${port}`], holdSeconds: 300 },
    });
    expect(report.due).toBe(0);
    expect(Object.keys(report.handshakes.refused)).toEqual(["connect_failed ECONNREFUSED"]);
    expect(brokenIn(report)).toEqual(expect.arrayContaining(["connections open at once", "seconds held"]));
    expect(tookMs).toBeLessThan(40_000);
  },
  TEST_MS,
);
