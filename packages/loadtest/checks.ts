import type { Check, Report } from "./report.ts";
import { isNewestOnly } from "./scenario.ts";
import { sumOf } from "./sumOf.ts";

/** Judges a run: first what no threshold may turn off, so that nothing is green for lack of figures, then its thresholds. */
export function judge(report: Omit<Report, "checks" | "notes">): Check[] {
  return [...checksOfFigures(report), ...checksOfThresholds(report)];
}

type Judged = Omit<Report, "checks" | "notes">;

function checksOfFigures(report: Judged): Check[] {
  const { scenario, samples } = report;
  const checks = [
    atMost("generators that ended", report.generatorDeaths.length, 0),
    atLeast("connections open at once", report.connectionsMax, scenario.connections),
    atLeast("clients subscribed when it began", report.readyAtStart, scenario.connections),
    atLeast("clients subscribed at the end", report.readyAtEnd, scenario.connections),
    atLeast("seconds held", report.heldSeconds, scenario.holdSeconds),
    atLeast("deliveries", report.deliveries, 1),
    atLeast("latency samples", report.latencyMs.samples, 1),
    atLeast(
      "generators that counted to the end",
      report.isAudited ? report.generators : 0,
      report.generators,
    ),
  ];
  if (scenario.publish !== "none")
    checks.push(
      atLeast("messages published", report.published, 1),
      atMost("clients that got nothing", report.silentClients, 0),
    );
  if (!scenario.withoutMetrics) {
    const seen = new Set(samples.flatMap(({ instances }) => Object.keys(instances)));
    checks.push(atLeast("instances looked at", seen.size, Math.max(1, scenario.admins.length)));
  }
  const { cut, replaced, paused } = report.disturbed;
  if (scenario.storm !== undefined) checks.push(atLeast("connections cut by the storm", cut, 1));
  if (scenario.churnPerSecond > 0) checks.push(atLeast("clients replaced by churn", replaced, 1));
  if (scenario.encoding === "deflate") checks.push(atLeast("deflated frames", report.deflatedFrames, 1));
  if (scenario.slow !== undefined) checks.push(atLeast("pauses of slow clients", paused, 1));
  checks.push(
    atMost("figures that could not be read", Object.keys(report.scrapeFailures).length, 0),
    atMost("streams beyond those followed", report.unfollowedStreams, 0),
    atMost("messages on channels not asked for", report.strayed, 0),
    atMost("frames that could not be read", report.unreadable, 0),
  );
  return checks;
}

function checksOfThresholds(report: Judged): Check[] {
  const { scenario, samples, latencyMs, handshakes } = report;
  const { thresholds } = scenario;
  const lostName = isNewestOnly(scenario) ? "channels not ended on the last value" : "messages lost";
  const isOwn = scenario.publish !== "none";
  const last = samples.at(-1);
  const rssBytes = Math.max(
    ...samples.map(({ instances }) => Object.values(instances).reduce((sum, each) => sum + each.rssBytes, 0)),
    0,
  );
  const busiest = Math.max(...samples.map(({ generatorCpuShare }) => generatorCpuShare), 0);
  const held = samples.filter(({ phase }) => phase === "holding");
  const publisher = Math.max(...held.map(({ publisherCpuShare }) => publisherCpuShare), 0);
  const { p50MsMax, p99MsMax, p999MsMax } = thresholds;
  const isLatencyLimited = [p50MsMax, p99MsMax, p999MsMax].some((max) => max !== undefined);
  const checks: Array<Check | undefined> = [
    isOwn ? atMost("publishes that failed", report.publishFailures.count, 0) : undefined,
    isOwn
      ? atLeast(
          "published, share of what was due",
          report.due === 0 ? undefined : report.published / report.due,
          thresholds.publishedShareMin,
        )
      : undefined,
    // Who does not know what is due takes a publisher that is silent for half of the time for dead.
    atMost(
      "longest silence, s",
      report.silenceSeconds,
      isOwn ? thresholds.silenceSecondsMax : Math.min(thresholds.silenceSecondsMax, scenario.holdSeconds / 2),
    ),
    isOwn ? atMost(lostName, report.lost, thresholds.lostMax) : undefined,
    atMost("messages repeated", report.repeated, thresholds.repeatedMax),
    atMost("messages out of order", report.disordered, thresholds.disorderedMax),
    atMost(
      "cursors repeated or out of order",
      report.repeatedCursors,
      thresholds.repeatedMax + thresholds.disorderedMax,
    ),
    atMost("gaps and refused requests", sumOf(report.gaps), thresholds.gapsMax),
    atMost("handshakes refused", sumOf(handshakes.refused), thresholds.refusedMax),
    atMost("disconnects", sumOf(report.closes), thresholds.disconnectsMax),
    limited("clients asked to come back later", sumOf(report.moves), thresholds.movesMax),
    limited("handshake p99 since due, ms", handshakes.sinceDueMs.p99, thresholds.handshakeP99MsMax),
    limited("latency p50, ms", latencyMs.p50, p50MsMax),
    limited("latency p99, ms", latencyMs.p99, p99MsMax),
    limited("latency p99.9, ms", latencyMs.p999, p999MsMax),
    // Clocks that disagree would make any latency small enough.
    limited("messages received before their time", report.early, isLatencyLimited ? 0 : undefined),
    thresholds.deliveriesPerSecondMin === undefined
      ? undefined
      : atLeast("deliveries a second", report.deliveriesPerSecond, thresholds.deliveriesPerSecondMin),
    // Nobody looked: that is no proof of little memory.
    limited("servers' RSS, MiB", rssBytes > 0 ? rssBytes / 2 ** 20 : undefined, thresholds.serverRssMiBMax),
    limited("Kafka lag at the end, records", last?.kafkaLag, thresholds.kafkaLagMax),
    atMost("busiest generator, share of a core", busiest, thresholds.generatorCpuShareMax),
    isOwn
      ? atMost("publishing process, share of a core", publisher, thresholds.generatorCpuShareMax)
      : undefined,
  ];
  return checks.filter((check) => check !== undefined);
}

/** A threshold that holds only where somebody set it; a figure that is missing breaks it. */
function limited(name: string, value: number | undefined, max: number | undefined): Check | undefined {
  return max === undefined ? undefined : atMost(name, value, max);
}

function atLeast(name: string, value: number | undefined, min: number): Check {
  return { name, held: value !== undefined && value >= min, value: show(value), limit: `≥ ${show(min)}` };
}

function atMost(name: string, value: number | undefined, max: number): Check {
  return { name, held: value !== undefined && value <= max, value: show(value), limit: `≤ ${show(max)}` };
}

function show(value: number | undefined): string {
  if (value === undefined) return "none";
  return Number.isInteger(value) ? `${value}` : value.toFixed(value < 10 ? 3 : 1);
}
