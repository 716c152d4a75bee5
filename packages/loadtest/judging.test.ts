import { beforeAll, expect, test } from "bun:test";
import { OPEN_ACCESS } from "./access.fixture.ts";
import { startBadServer } from "./badServer.fixture.ts";
import { judge } from "./checks.ts";
import { compareReports, comparisonText } from "./compare.ts";
import { runLoadTest } from "./coordinator.ts";
import { notesOn } from "./notes.ts";
import type { Report, Sample } from "./report.ts";
import { brokenIn } from "./run.fixture.ts";
import { readScenario } from "./scenario.ts";
import { summaryOf } from "./summary.ts";

/** Of a run in which all held; each test changes in it what it is about. */
let good: Report;

beforeAll(async () => {
  const server = startBadServer({});
  const scenario = readScenario("", {
    ...{ urls: [server.url], admins: [server.admin], connections: 10, holdSeconds: 1.2 },
  });
  good = await runLoadTest({
    ...{ scenario, access: OPEN_ACCESS, kafka: undefined, signal: new AbortController().signal },
    onSample: () => undefined,
  });
  await server.stop();
}, 60_000);

function withSamples(change: (sample: Sample) => Partial<Sample>): Report {
  return { ...good, samples: good.samples.map((sample) => ({ ...sample, ...change(sample) })) };
}

function brokenNow(report: Report): string[] {
  return brokenIn({ checks: judge(report) });
}

test("a process that publishes and has no time left for it is called out", () => {
  expect(brokenNow(good)).toEqual([]);
  expect(brokenNow(withSamples(() => ({ publisherCpuShare: 0.99 })))).toEqual([
    "publishing process, share of a core",
  ]);
  expect(notesOn(withSamples(() => ({ publisherLagMs: 500 }))).join()).toContain(
    "The process that publishes",
  );
});

test("a latency by clocks that do not agree keeps no threshold of latency", () => {
  const early = { ...good, early: 7 };
  expect(notesOn(early).join()).toContain("clocks do not agree");
  expect(brokenNow(early)).toEqual([]);
  const thresholds = { ...good.scenario.thresholds, p99MsMax: 1000 };
  expect(brokenNow({ ...early, scenario: { ...good.scenario, thresholds } })).toEqual([
    "messages received before their time",
  ]);
});

test("a shard to which nobody came is a note", () => {
  const report = withSamples(({ instances }) => ({
    instances: Object.fromEntries(
      Object.entries(instances).map(([admin, each]) => [
        admin,
        { ...each, connectionsByShard: { "0": 900, "1": 0 } },
      ]),
    ),
  }));
  expect(notesOn(report).join()).toMatch(/Shard \S+\/0 got 900 clients and \S+\/1 only 0/);
});

test("channels that the topic does not lead to are a note where nothing came", () => {
  const scenario = { ...good.scenario, publish: "kafka" as const, topic: "flights" };
  expect(notesOn({ ...good, scenario, deliveries: 0 }).join()).toContain("BTC.load do not end in .flights");
});

test("of somebody else's messages nobody says that none was lost", () => {
  const scenario = { ...good.scenario, publish: "none" as const };
  const rows = new Map(summaryOf({ ...good, scenario }).map(([name, value]) => [name, value]));
  for (const name of ["lost", "messages due", "messages published"]) expect(rows.get(name)).toBe("none");
});

test("a comparison tells what has gone from none to some, which checks broke, and settings of only one", () => {
  const worse = {
    ...{ ...good, lost: 30, checks: judge({ ...good, lost: 30 }) },
    scenario: { ...good.scenario, spike: { atSeconds: 1, seconds: 1, factor: 2 } },
  };
  const text = comparisonText(compareReports(good, worse));
  expect(text).toMatch(/lost +0 +30 +was 0/);
  expect(text).toMatch(/Broken in the second only:\n {2}messages lost: 30, ≤ 0/);
  expect(text).toContain("spike: none against");
  expect(comparisonText(compareReports(good, good))).not.toMatch(/was 0|Broken|differ/);
});
