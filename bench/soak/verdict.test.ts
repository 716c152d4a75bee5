import { expect, test } from "bun:test";
import { type Sample, slopePerHour } from "./slope.ts";
import { faultsOf, restingBytes, type SoakFindings } from "./verdict.ts";

const MIB = 2 ** 20;

/** A sample every 5 s for 50 minutes, with what a collector of garbage does to it, and now and then a burst. */
function samples(base: number, perHour: number, noise: number): Sample[] {
  return Array.from({ length: 600 }, (_, at) => {
    const burst = at % 37 === 0 ? 20 * noise : 0;
    const value = base + (perHour * at * 5) / 3600 + noise * (at % 7) + burst;
    return { atSeconds: 600 + at * 5, value };
  });
}

function findings(over: Partial<SoakFindings> = {}, ofProcess: object = {}): SoakFindings {
  const process = {
    ...{ name: "a, shard 0", rss: samples(120 * MIB, 0, MIB), files: samples(40, 0, 1) },
    ...{ filesBefore: 30, filesAfter: 31, rssBefore: 110 * MIB, rssAfter: 110.1 * MIB },
    ...ofProcess,
  };
  return {
    ...{ processes: [process], minutesMeasured: 50, visits: 50_000, accepts: 45_000, kindsMissing: [] },
    ...{
      visitsFailed: 0,
      deliveries: 1_000_000,
      violations: 0,
      gaps: 0,
      behind: 0,
      reconnects: 0,
      leftOver: [],
    },
    ...over,
  };
}

test("what only goes up and down is flat, and what grows below it is seen", () => {
  expect(Math.abs(slopePerHour(samples(120 * MIB, 0, MIB)))).toBeLessThan(0.2 * MIB);
  expect(slopePerHour(samples(120 * MIB, 8 * MIB, MIB)) / MIB).toBeCloseTo(8, 0);
  expect(faultsOf(findings())).toEqual([]);
});

test("what a process holds at rest is found below its garbage", () => {
  const resting = restingBytes(samples(120 * MIB, 0, MIB)) / MIB;
  expect(resting).toBeGreaterThanOrEqual(120);
  expect(resting).toBeLessThan(122);
  expect(restingBytes([])).toBeNaN();
});

const CASES: ReadonlyArray<readonly [what: string, found: SoakFindings, fault: RegExp]> = [
  ["memory that stays", findings({}, { rssAfter: 117 * MIB }), /RSS at rest grows by 8\.4/],
  ["memory of which nothing is known", findings({}, { rssAfter: Number.NaN }), /RSS at rest grows by NaN/],
  ["open files that grow", findings({}, { files: samples(40, 9, 1) }), /open files grow/],
  ["files that stay open", findings({}, { filesAfter: 40 }), /10 files more are open/],
  ["a short run", findings({ minutesMeasured: 2 }), /too short/],
  ["no process", findings({ processes: [] }), /no process/],
  ["nobody who came", findings({ visits: 0, accepts: 0 }), /nobody came/],
  ["visitors who were not let in", findings({ accepts: 100 }), /only 100 were let in/],
  ["a kind that is missing", findings({ kindsMissing: ["event stream"] }), /no visitors: event stream/],
  ["visits that failed", findings({ visitsFailed: 100 }), /100 visits failed/],
  ["nothing delivered", findings({ deliveries: 0 }), /nothing was delivered/],
  ["a violation", findings({ violations: 1 }), /violations 1/],
  ["a gap", findings({ gaps: 1 }), /gaps 1/],
  ["a resident that is behind", findings({ behind: 1 }), /behind 1/],
  ["a resident that lost its connection", findings({ reconnects: 1 }), /reconnects 1/],
  ["something left over", findings({ leftOver: ["topics: 9, before 1"] }), /left over: topics/],
];

test.each(CASES)("%s is not well, and nothing else is said", (_, found, fault) => {
  const faults = faultsOf(found);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(fault);
});
