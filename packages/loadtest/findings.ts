import { judge } from "./checks.ts";
import type { Generators } from "./generators.ts";
import type { Histogram } from "./histogram.ts";
import { notesOn } from "./notes.ts";
import type { Publisher } from "./publisher.ts";
import { type Quantiles, REPORT_VERSION, type Report, type Sample } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { withoutSecrets } from "./withoutSecrets.ts";

/** What only the run itself knows. */
export type Found = Pick<
  Report,
  | "rampSeconds"
  | "heldSeconds"
  | "readyAtStart"
  | "readyAtEnd"
  | "isAudited"
  | "deliveriesPerSecond"
  | "cpuUsPerDelivery"
>;

export interface Findings extends Found {
  readonly scenario: Scenario;
  readonly generators: Generators;
  readonly publisher: Publisher | undefined;
  readonly samples: readonly Sample[];
  readonly scrapeFailures: Readonly<Record<string, string>>;
  readonly startedAt: string;
  readonly wasInterrupted: boolean;
}

/** Puts together what a run found, and judges it. */
export function makeReport({ generators, publisher, ...findings }: Findings): Report {
  const { scenario, samples } = findings;
  const total: Generators["total"] = (key) => generators.total(key);
  const report: Omit<Report, "checks" | "notes"> = {
    ...{ version: REPORT_VERSION, ...findings },
    scenario: withoutSecrets(scenario),
    generators: generators.count,
    generatorDeaths: generators.deaths,
    clock:
      scenario.publish === "none"
        ? "the record's timestamp, in whole ms, against the generator's clock"
        : "the time at which each message was due, against the time of its receipt; both by the clock of this machine, in µs",
    handshakes: {
      done: total("handshakes"),
      refused: generators.counts("refused"),
      ms: quantilesOf(generators.histogram("handshake")),
      sinceDueMs: quantilesOf(generators.histogram("handshakeSinceDue")),
    },
    connectionsMax: Math.max(0, ...samples.map(({ connected }) => connected)),
    silentClients: total("silentClients"),
    due: publisher?.due ?? 0,
    published: publisher?.acknowledged.reduce((sum, count) => sum + count, 0) ?? 0,
    publishFailures: { count: publisher?.failed ?? 0, last: publisher?.lastFailure ?? "" },
    deliveries: total("deliveries"),
    silenceSeconds: longestSilence(samples),
    lost: total("lost"),
    repeated: total("repeated"),
    disordered: total("disordered"),
    repeatedCursors: total("repeatedCursors"),
    strayed: total("strayed"),
    foreign: total("foreign"),
    unreadable: total("unreadable"),
    early: total("early"),
    unfollowedStreams: total("unfollowed"),
    gaps: generators.counts("gaps"),
    resumed: total("resumed"),
    deflatedFrames: total("deflated"),
    closes: generators.counts("closes"),
    moves: generators.counts("moves"),
    disturbed: generators.counts("disturbed"),
    spread: generators.counts("spread"),
    latencyMs: quantilesOf(generators.latency),
    slowLatencyMs: quantilesOf(generators.slowLatency),
    latencyHistogram: generators.latency.toSparse(),
  };
  return { ...report, notes: notesOn(report), checks: judge(report) };
}

/** Of the seconds of the hold. */
function longestSilence(samples: readonly Sample[]): number {
  const held = samples.filter(({ phase }) => phase === "holding");
  let sinceSeconds = held[0]?.atSeconds ?? 0;
  let longest = 0;
  for (const { atSeconds, deliveriesPerSecond } of held) {
    if (deliveriesPerSecond > 0) sinceSeconds = atSeconds;
    longest = Math.max(longest, atSeconds - sinceSeconds);
  }
  return longest;
}

function quantilesOf(histogram: Histogram): Quantiles {
  const at = (q: number) => histogram.quantileMs(q);
  return { samples: histogram.count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}
