import { expect, test } from "bun:test";
import { startBadServer } from "./badServer.fixture.ts";
import { brokenIn, runOn } from "./run.fixture.ts";

const TEST_MS = 120_000;

test.each([
  ["leave when it is time", { after: 10, afterMs: 300 }],
  ["are closed before that", { after: 10, afterMs: 600, closesAfterMs: 100 }],
] as const)(
  "clients that a draining server asks to come back later, and that %s, resume and are no disconnects",
  async (_, moves) => {
    const server = startBadServer({ moves });
    const report = await runOn(server, { holdSeconds: 2.5 });
    expect(brokenIn(report)).toEqual([]);
    expect(report.moves).toEqual({ draining: 20 });
    expect(report.closes).toEqual({});
    expect(report.resumed).toBe(20);
    await server.stop();
  },
  TEST_MS,
);

test(
  "clients that do not read for a while are told apart: the others' latency is not theirs",
  async () => {
    const server = startBadServer({});
    const slow = { share: 0.5, pauseMs: 700, everyMs: 1000 };
    const report = await runOn(server, { holdSeconds: 3, slow });
    expect(brokenIn(report)).toEqual([]);
    expect(report.slowLatencyMs.max).toBeGreaterThan(500);
    expect(report.latencyMs.samples).toBe(report.published * 10);
    await server.stop();
  },
  TEST_MS,
);

test(
  "clients that come and go are no fault of the server, and none is there twice",
  async () => {
    const server = startBadServer({});
    const report = await runOn(server, { churnPerSecond: 20 });
    expect(brokenIn(report)).toEqual([]);
    expect(report.handshakes.done).toBeGreaterThan(20);
    await server.stop();
  },
  TEST_MS,
);
