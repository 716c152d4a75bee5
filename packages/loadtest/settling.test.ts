import { expect, test } from "bun:test";
import { freePorts } from "../../test/services/ports.ts";
import { startBadServer } from "./badServer.fixture.ts";
import type { Report } from "./report.ts";
import { brokenIn, runOn } from "./run.fixture.ts";

const TEST_MS = 120_000;
/** Also, how long the run took. */
async function timed(run: Promise<Report>): Promise<{ readonly report: Report; readonly tookMs: number }> {
  const startedMs = performance.now();
  const report = await run;
  return { report, tookMs: performance.now() - startedMs };
}

test(
  "clients that are replaced all the time are no reason why not all are there at the end",
  async () => {
    const server = startBadServer({});
    const report = await runOn(server, { churnPerSecond: 2000 });
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
    const report = await runOn(server, { slow });
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
    const report = await runOn(server);
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
    const { report, tookMs } = await timed(runOn(server, { channels: ["a.load"], publish: "none" }));
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
    const report = await runOn(server, { channels: ["a.load"], publish: "none", holdSeconds: 8 });
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
    const over = { connections: 2000, connectionsPerSecond: 10 };
    const run = runOn(server, over, {
      signal: ending.signal,
      onSample: ({ connected }) => {
        if (connected > 0) ending.abort();
      },
    });
    const { report, tookMs } = await timed(run);
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
    const server = { url: `ws://127.0.0.1:${port}/ws`, admin: `http://127.0.0.1:${port}` };
    const { report, tookMs } = await timed(runOn(server, { holdSeconds: 300 }));
    expect(report.due).toBe(0);
    expect(Object.keys(report.handshakes.refused)).toEqual(["connect_failed ECONNREFUSED"]);
    expect(brokenIn(report)).toEqual(expect.arrayContaining(["connections open at once", "seconds held"]));
    expect(tookMs).toBeLessThan(40_000);
  },
  TEST_MS,
);

test(
  "a run that is interrupted has a report, and connections that never opened are a failure",
  async () => {
    const ending = new AbortController();
    const server = startBadServer({ refusesFrom: 5 });
    setTimeout(() => ending.abort(), 1500);
    const report = await runOn(server, {}, { signal: ending.signal });
    expect(report.wasInterrupted).toBe(true);
    expect(brokenIn(report)).toEqual(expect.arrayContaining(["connections open at once", "seconds held"]));
    await server.stop();
  },
  TEST_MS,
);

test(
  "a generator that is killed ends the run, which has a report and is a failure",
  async () => {
    const server = startBadServer({});
    let pid = 0;
    const report = await runOn(
      server,
      { holdSeconds: 60 },
      {
        onGenerators: ([first = 0]) => {
          pid = first;
        },
        onSample: ({ phase }) => {
          if (phase === "holding" && pid > 0) process.kill(pid, "SIGKILL");
          if (phase === "holding") pid = 0;
        },
      },
    );
    expect(report.generatorDeaths).toHaveLength(1);
    expect(brokenIn(report)).toContain("generators that ended");
    expect(report.deliveries).toBeGreaterThan(0);
    await server.stop();
  },
  TEST_MS,
);
