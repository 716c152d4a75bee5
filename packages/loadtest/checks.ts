import type { Check, Report } from "./report.ts";

const total = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Judges a run: its thresholds, and first what no threshold may turn off, so that nothing is green for lack of figures. */
export function judge(report: Omit<Report, "checks">): Check[] {
  const { scenario, samples } = report;
  const { thresholds } = scenario;
  const checks: Check[] = [];
  const atLeast = (name: string, value: number | undefined, min: number) =>
    checks.push({
      name,
      held: value !== undefined && value >= min,
      value: show(value),
      limit: `≥ ${show(min)}`,
    });
  const atMost = (name: string, value: number | undefined, max: number | undefined) => {
    if (max === undefined) return;
    checks.push({
      name,
      held: value !== undefined && value <= max,
      value: show(value),
      limit: `≤ ${show(max)}`,
    });
  };
  atLeast("connections open at once", report.connectionsMax, scenario.connections);
  atLeast("deliveries", report.deliveries, 1);
  if (scenario.publish !== "none") {
    atLeast("messages published", report.published, 1);
    atMost("publishes that failed", report.publishFailures.count, 0);
  }
  atLeast("latency samples", report.latencyMs.samples, 1);
  atMost("figures that could not be read", Object.keys(report.scrapeFailures).length, 0);
  atMost("streams beyond those followed", report.unfollowedStreams, 0);
  atMost("messages on channels not asked for", report.strayed, 0);
  if (scenario.publish !== "none") atMost("messages lost", report.lost, thresholds.lostMax);
  atMost("messages repeated", report.repeated, thresholds.repeatedMax);
  atMost("messages out of order", report.disordered, thresholds.disorderedMax);
  atMost(
    "cursors repeated or out of order",
    report.repeatedCursors,
    thresholds.repeatedMax + thresholds.disorderedMax,
  );
  atMost("gaps and refused requests", total(report.gaps), thresholds.gapsMax);
  atMost("handshakes refused", total(report.handshakes.refused), thresholds.refusedMax);
  atMost("disconnects", total(report.closes), thresholds.disconnectsMax);
  atMost("latency p50, ms", report.latencyMs.p50, thresholds.p50MsMax);
  atMost("latency p99, ms", report.latencyMs.p99, thresholds.p99MsMax);
  if (thresholds.deliveriesPerSecondMin !== undefined)
    atLeast("deliveries a second", report.deliveriesPerSecond, thresholds.deliveriesPerSecondMin);
  const busiest = Math.max(...samples.map(({ generatorCpuShare }) => generatorCpuShare), 0);
  atMost("busiest generator, share of a core", busiest, thresholds.generatorCpuShareMax);
  return checks;
}

function show(value: number | undefined): string {
  if (value === undefined) return "none";
  return Number.isInteger(value) ? `${value}` : value.toFixed(value < 10 ? 3 : 1);
}
