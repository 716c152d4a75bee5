import type { Report } from "./report.ts";
import type { InstanceSample } from "./scrape.ts";

/** The figures of a report as rows of texts, the same for the terminal, the page and a comparison. */
export function summaryOf(
  report: Report,
): Array<readonly [name: string, value: string, number: number | undefined]> {
  const { handshakes, latencyMs, cpuUsPerDelivery, samples } = report;
  const row = (name: string, value: number | undefined) =>
    [name, value === undefined ? "none" : shown(value), value] as const;
  const isOwn = report.scenario.publish !== "none";
  const peak = (of: (sample: Report["samples"][number]) => number) => Math.max(0, ...samples.map(of));
  const refused = Object.values(handshakes.refused).reduce((sum, count) => sum + count, 0);
  return [
    row("ramp took, s", report.rampSeconds.took),
    row("connections, at most", report.connectionsMax),
    row("handshakes done", handshakes.done),
    row("handshakes refused", refused),
    row("handshake p50, ms", handshakes.ms.p50),
    row("handshake p99, ms", handshakes.ms.p99),
    row("handshake p99 since due, ms", handshakes.sinceDueMs.p99),
    row("messages due", isOwn ? report.due : undefined),
    row("messages published", isOwn ? report.published : undefined),
    row("deliveries", report.deliveries),
    row("deflated frames", report.deflatedFrames),
    row("deliveries a second", report.deliveriesPerSecond),
    // Of somebody else's messages nobody here knows how many there were.
    row("lost", isOwn ? report.lost : undefined),
    row("repeated", report.repeated),
    row("out of order", report.disordered),
    row("cursors repeated or out of order", report.repeatedCursors),
    row("clients that got nothing", report.silentClients),
    row("resumed", report.resumed),
    row("latency p50, ms", latencyMs.p50),
    row("latency p90, ms", latencyMs.p90),
    row("latency p99, ms", latencyMs.p99),
    row("latency p99.9, ms", latencyMs.p999),
    row("latency at most, ms", latencyMs.max),
    row("latency p99 of slow clients, ms", report.slowLatencyMs.p99),
    row("generator CPU, µs a delivery", cpuUsPerDelivery.generator),
    row("server CPU, µs a delivery", cpuUsPerDelivery.server),
    row(
      "busiest generator, share of a core",
      peak(({ generatorCpuShare }) => generatorCpuShare),
    ),
    row(
      "publishing process, share of a core",
      mostOf(samples.map(({ publisherCpuShare }) => publisherCpuShare)),
    ),
    row(
      "servers' RSS at most, MiB",
      peak(({ instances }) => Object.values(instances).reduce((sum, each) => sum + each.rssBytes, 0)) /
        2 ** 20,
    ),
    row("Kafka lag at most, records", mostOf(samples.map(({ kafkaLag }) => kafkaLag))),
    row(
      "event-loop lag at most, ms",
      mostOf(instanceFigures(samples, ({ eventLoopLagMs }) => eventLoopLagMs)),
    ),
    row("queued at most, bytes", mostOf(instanceFigures(samples, ({ queueBytes }) => queueBytes))),
    row("generators' RSS at most, MiB", peak(({ generatorRssBytes }) => generatorRssBytes) / 2 ** 20),
  ];
}

function instanceFigures(samples: Report["samples"], of: (instance: InstanceSample) => number): number[] {
  return samples.flatMap(({ instances }) => Object.values(instances).map(of));
}

/** undefined where nothing was seen: that is not zero. */
function mostOf(values: ReadonlyArray<number | undefined>): number | undefined {
  const seen = values.filter((value) => value !== undefined);
  return seen.length === 0 ? undefined : seen.reduce((most, value) => Math.max(most, value));
}

/** Clients of each shard of each instance, by the instances' own count, when most were there. */
export function placesOf({ samples }: Pick<Report, "samples">): Record<string, number> {
  const places: Record<string, number> = {};
  const fullest = samples.reduce<Report["samples"][number] | undefined>(
    (most, sample) => (sample.connected > (most?.connected ?? -1) ? sample : most),
    undefined,
  );
  for (const [admin, { connectionsByShard }] of Object.entries(fullest?.instances ?? {}))
    for (const [shard, count] of Object.entries(connectionsByShard))
      places[`${admin.replace(/^https?:\/\//, "")}/${shard}`] = count;
  return places;
}

/** Counts by name, such as closes by code; the places of the spread too. */
export function countsOf(report: Report): Array<readonly [name: string, text: string]> {
  const { handshakes, closes, moves, gaps, spread, scrapeFailures, publishFailures } = report;
  const text = (counts: Readonly<Record<string, number | string>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name}: ${count}`)
      .join(", ");
  return (
    [
      ["refused by reason", text(handshakes.refused)],
      ["disconnects by code", text(closes)],
      ["asked to come back later, by reason", text(moves)],
      ["gaps by reason", text(gaps)],
      ["done on purpose", text(nonZero(report.disturbed))],
      ["clients by instance/shard", text(placesOf(report))],
      ["welcomes by instance/shard", text(spread)],
      ["generators that ended", report.generatorDeaths.join(", ")],
      ["could not be read", text(scrapeFailures)],
      ["last publish that failed", publishFailures.last],
    ] as const
  ).filter(([, found]) => found !== "");
}

function nonZero(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

export function shown(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value < 10 ? 3 : 1);
}
