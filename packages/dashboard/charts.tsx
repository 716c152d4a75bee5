import type { Overview, Sample } from "@shardcast/server/overview/shape";
import { Chart, type Series } from "./chart.tsx";
import { bytes, count, duration, rate } from "./format.ts";

interface Props {
  readonly columns: Overview["history"]["columns"];
  readonly samples: readonly Sample[];
  readonly nowMs: number;
}

interface ChartSpec {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number | null) => string;
  readonly steps: "whole" | "broken" | "binary";
}

const CHARTS: readonly ChartSpec[] = [
  {
    title: "Connections",
    series: [{ column: "connections", name: "connections" }],
    format: count,
    steps: "whole",
  },
  {
    title: "Messages in per second",
    series: [{ column: "publicationsPerSecond", name: "messages" }],
    format: rate,
    steps: "whole",
  },
  {
    title: "Deliveries per second",
    series: [{ column: "deliveriesPerSecond", name: "deliveries" }],
    format: rate,
    steps: "whole",
  },
  {
    title: "Latency",
    series: [
      { column: "latencyP99Ms", name: "p99" },
      { column: "latencyP50Ms", name: "p50" },
    ],
    format: duration,
    steps: "broken",
  },
  {
    title: "Event-loop lag",
    series: [{ column: "loopLagMs", name: "worst shard" }],
    format: duration,
    steps: "broken",
  },
  {
    title: "Bus round trip",
    series: [{ column: "busRoundTripMs", name: "worst shard" }],
    format: duration,
    steps: "broken",
  },
  { title: "Kafka lag", series: [{ column: "kafkaLag", name: "records" }], format: count, steps: "whole" },
  { title: "Memory", series: [{ column: "rssBytes", name: "all shards" }], format: bytes, steps: "binary" },
  {
    title: "Trouble, per 2 s",
    series: [
      { column: "gaps", name: "gaps" },
      { column: "repairs", name: "repairs" },
      { column: "refusals", name: "refusals" },
      { column: "slowClients", name: "slow" },
    ],
    format: count,
    steps: "whole",
  },
];

/** The last quarter of an hour. A time under the pointer is shown in all charts at once. */
export function Charts({ columns, samples, nowMs }: Props) {
  return (
    <section class="charts" aria-label="The last 15 minutes">
      {CHARTS.map(({ title, series, format, steps }) => (
        <Chart
          key={title}
          title={title}
          series={series}
          format={format}
          steps={steps}
          nowMs={nowMs}
          times={samples.map(([atMs]) => (atMs ?? 0) / 1000)}
          values={series.map(({ column }) => {
            const index = columns.indexOf(column);
            return samples.map((sample) => sample[index] ?? null);
          })}
        />
      ))}
    </section>
  );
}
