import { expect, test } from "bun:test";
import { freePorts } from "../../test/services/ports.ts";
import { type Faults, startBadServer } from "./badServer.fixture.ts";
import { brokenIn, runOn } from "./run.fixture.ts";

const TEST_MS = 120_000;

/** What such a server loses is lost for good, and waited for as long. */
function runOnFaulty(server: { url: string; admin: string }, over: Readonly<Record<string, unknown>> = {}) {
  return runOn(server, { waitSeconds: 4, ...over });
}

const CASES: ReadonlyArray<
  readonly [does: string, faults: Faults, over: Record<string, unknown>, broken: readonly string[]]
> = [
  ["loses", { deliver: (n) => (n === 5 ? [] : [n]) }, {}, ["messages lost"]],
  [
    "repeats",
    { deliver: (n) => (n === 5 ? [n, n] : [n]) },
    {},
    ["messages repeated", "cursors repeated or out of order"],
  ],
  [
    "reorders",
    { deliver: (n) => (n === 5 ? [] : n === 6 ? [6, 5] : [n]) },
    {},
    ["messages out of order", "cursors repeated or out of order"],
  ],
  ["delays", { delayMs: 300 }, { thresholds: { p99MsMax: 200 } }, ["latency p99, ms"]],
  [
    "delivers nothing",
    { deliver: () => [] },
    {},
    ["deliveries", "latency samples", "clients that got nothing", "messages lost"],
  ],
  [
    "delivers to nobody for a while",
    { deliver: (n) => (n > 5 && n < 26 ? [] : [n]) },
    { thresholds: { silenceSecondsMax: 0.5, lostMax: 1000 }, holdSeconds: 4, messagesPerSecond: 20 },
    ["longest silence, s"],
  ],
  [
    "takes no publishes",
    { refusesPublishesFrom: 0 },
    {},
    [
      ...["deliveries", "latency samples", "messages published", "clients that got nothing"],
      ...["publishes that failed", "published, share of what was due"],
    ],
  ],
  [
    "takes no publishes after a while",
    { refusesPublishesFrom: 10 },
    {},
    ["publishes that failed", "published, share of what was due"],
  ],
  [
    "hangs at publishes after a while",
    { hangsPublishesFrom: 10 },
    {},
    ["publishes that failed", "published, share of what was due"],
  ],
  ["has no metrics", { hasNoMetrics: true }, {}, ["instances looked at", "figures that could not be read"]],
  [
    "does not answer half of the subscriptions",
    { ignoresHalf: true },
    { waitSeconds: 1 },
    [
      ...["clients subscribed when it began", "clients subscribed at the end"],
      ...["clients that got nothing", "messages lost"],
    ],
  ],
  [
    "alters the messages, so that there is no latency to measure",
    { alters: true },
    {},
    ["latency samples", "messages lost"],
  ],
  ["tells a gap", { gapAfter: 10 }, {}, ["gaps and refused requests"]],
  [
    "sends what nobody asked for",
    { strays: true },
    { channels: ["a.load", "b.load"], choose: "one" },
    ["messages on channels not asked for"],
  ],
];

test.each(CASES)(
  "of a server that %s it says so, and nothing else",
  async (_, faults, over, broken) => {
    const server = startBadServer(faults);
    expect(brokenIn(await runOnFaulty(server, over))).toEqual([...broken]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "of an instance whose metrics page nobody serves it says so",
  async () => {
    const server = startBadServer({});
    const [port] = await freePorts(1);
    const admins = [server.admin, `http://127.0.0.1:${port}`];
    expect(brokenIn(await runOnFaulty(server, { admins }))).toEqual([
      "instances looked at",
      "figures that could not be read",
    ]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "refused handshakes and closed connections are told by status and code",
  async () => {
    const server = startBadServer({ refusesFrom: 20, close: { after: 10, code: 1012 } });
    const report = await runOnFaulty(server);
    expect(report.closes["1012"]).toBe(20);
    expect(report.handshakes.refused["http_503 instance_full"]).toBeGreaterThan(0);
    const broken = brokenIn(report);
    for (const name of ["messages lost", "handshakes refused", "disconnects"]) expect(broken).toContain(name);
    await server.stop();
  },
  TEST_MS,
);

test(
  "what a server leaves out when its clients come back is lost",
  async () => {
    const moves = { after: 10, afterMs: 400, closesAfterMs: 50 };
    const server = startBadServer({ moves, forgets: true });
    expect(brokenIn(await runOnFaulty(server, { holdSeconds: 2.5 }))).toEqual(["messages lost"]);
    await server.stop();
  },
  TEST_MS,
);

test(
  "of a server that keeps the last values from clients of the newest ones it says so, and that values went back",
  async () => {
    for (const [faults, broken] of [
      [{ deliver: (n: number) => (n > 20 ? [] : [n]) }, ["channels not ended on the last value"]],
      [{ deliver: (n: number) => (n === 6 ? [6, 5] : [n]) }, ["messages out of order"]],
      // Left out, and sent again: that may be.
      [{ deliver: (n: number) => (n === 5 ? [] : [n, n]) }, []],
    ] as const) {
      for (const over of [{ policy: "latest" }, { maxRate: 5 }]) {
        const server = startBadServer(faults);
        expect(brokenIn(await runOnFaulty(server, over))).toEqual([...broken]);
        await server.stop();
      }
    }
  },
  TEST_MS,
);

test(
  "of a server that does not deflate for those who ask it says so",
  async () => {
    const server = startBadServer({});
    expect(brokenIn(await runOnFaulty(server, { encoding: "deflate" }))).toEqual(["deflated frames"]);
    await server.stop();
  },
  TEST_MS,
);
