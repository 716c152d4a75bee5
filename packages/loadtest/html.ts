import { bars, escaped, lineChart, quantileChart } from "./chart.ts";
import { Histogram } from "./histogram.ts";
import type { Report, Sample } from "./report.ts";
import { countsOf, placesOf, summaryOf } from "./summary.ts";

/** The report as one page without anything from elsewhere. */
export function htmlOf(report: Report): string {
  const { checks, notes } = report;
  const held = checks.every((check) => check.held);
  const rows = checks.map(
    ({ name, held: isHeld, value, limit }) =>
      `<tr><td class="${isHeld ? "held" : "broken"}">${isHeld ? "✓" : "✗"}</td><td>${name}</td><td class="n">${value}</td><td>${limit}</td></tr>`,
  );
  const figures = [
    ...summaryOf(report).map(([name, value]) => `<tr><td>${name}</td><td class="n">${value}</td></tr>`),
    ...countsOf(report).map(([name, text]) => `<tr><td>${name}</td><td>${escaped(text)}</td></tr>`),
  ];
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Load test: ${held ? "passed" : "FAILED"}</title><style>${STYLE}</style>
<h1>Load test <span class="${held ? "held" : "broken"}">${held ? "passed" : "failed"}</span></h1>
<p>${escaped(report.startedAt)}${report.wasInterrupted ? ", interrupted" : ""} · ${report.generators} generator(s) · Clock: ${escaped(report.clock)}.</p>
${notes.map((note) => `<p class="note">${escaped(note)}</p>`).join("")}
<div class="tables"><section><h2>Checks</h2><table>${rows.join("")}</table></section>
<section><h2>Figures</h2><table>${figures.join("")}</table></section></div>
<h2>Over time</h2><div class="charts">${chartsOf(report).join("")}</div>
<h2>Scenario</h2><pre>${escaped(JSON.stringify(report.scenario, undefined, 2))}</pre></html>\n`;
}

const STYLE = `:root{color-scheme:light dark;--c0:light-dark(#1565c0,#64b5f6);--c1:light-dark(#c62828,#ef9a9a);--c2:light-dark(#2e7d32,#a5d6a7);--c3:light-dark(#6a1b9a,#ce93d8);--c4:light-dark(#b26a00,#ffcc80);--c5:light-dark(#00696f,#80deea);--line:light-dark(#ccc,#444)}
body{font:15px/1.45 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td{padding:.15rem .9rem .15rem 0;border-bottom:1px solid var(--line)}.n{text-align:right;font-variant-numeric:tabular-nums}
.held{color:var(--c2)}.broken{color:var(--c1);font-weight:700}.note{border-left:4px solid var(--c4);padding-left:.7rem}
.tables{display:flex;flex-wrap:wrap;gap:0 3rem}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(28rem,100%),1fr));gap:1.2rem}
figure{margin:0}figcaption{font-weight:600}svg{width:100%;height:auto}text{fill:currentColor;font-size:11px}pre{overflow:auto}`;

type Of = (sample: Sample) => number | undefined;

function chartsOf(report: Report): string[] {
  const { samples } = report;
  const admins = Object.keys(
    samples.findLast(({ instances }) => Object.keys(instances).length > 0)?.instances ?? {},
  );
  const lines = (series: ReadonlyArray<readonly [name: string, of: Of]>) =>
    series.map(([name, of]) => ({
      name,
      points: samples.flatMap((sample) => {
        const value = of(sample);
        return value === undefined ? [] : [[sample.atSeconds, value] as const];
      }),
    }));
  const chart = (title: string, series: ReadonlyArray<readonly [name: string, of: Of]>) =>
    lineChart(title, lines(series), Math.max(1, samples.at(-1)?.atSeconds ?? 1));
  const perInstance = (title: string, of: (sample: Sample, admin: string) => number | undefined) =>
    chart(
      title,
      admins.map((admin) => [admin.replace(/^https?:\/\//, ""), (sample) => of(sample, admin)] as const),
    );
  const busNames = Object.keys(samples.at(-1)?.bus ?? {});
  const memory = busNames.filter((name) => /_(used_memory|mem)$/.test(name));
  const messages = busNames.filter((name) => /_(instantaneous_ops_per_sec)$/.test(name));
  return [
    chart("Latency, ms", [
      ["p50", ({ p50Ms }) => p50Ms],
      ["p99", ({ p99Ms }) => p99Ms],
    ]),
    quantileChart("Latency by percentile, ms", latencyByPercentile(report)),
    chart("Connections", [["open", ({ connected }) => connected]]),
    chart("Deliveries a second", [["deliveries", ({ deliveriesPerSecond }) => deliveriesPerSecond]]),
    chart("Refused, cut off, gaps, repeated or out of order, so far", [
      ["refused", ({ problems }) => problems.refused],
      ["disconnects", ({ problems }) => problems.disconnects],
      ["gaps", ({ problems }) => problems.gaps],
      ["repeated", ({ problems }) => problems.repeated],
      ["out of order", ({ problems }) => problems.disordered],
    ]),
    chart("CPU of all instances and of generators, cores", [
      ["instances", rateOf(samples, instanceCpu)],
      ["busiest generator", ({ generatorCpuShare }) => generatorCpuShare],
      ["publishing process", ({ publisherCpuShare }) => publisherCpuShare],
      ["whole machine, of 1", ({ machineCpuShare }) => machineCpuShare],
    ]),
    chart(
      "CPU of each instance, cores",
      admins.map((admin) => [
        admin.replace(/^https?:\/\//, ""),
        rateOf(samples, ({ instances }) => instances[admin]?.cpuSeconds),
      ]),
    ),
    perInstance("Memory of each instance, MiB", ({ instances }, admin) =>
      mebibytes(instances[admin]?.rssBytes),
    ),
    perInstance("Event-loop lag, ms", ({ instances }, admin) => instances[admin]?.eventLoopLagMs),
    perInstance("Queued bytes", ({ instances }, admin) => instances[admin]?.queueBytes),
    perInstance("Resumes that wait", ({ instances }, admin) => instances[admin]?.resumesWaiting),
    ...(samples.some(({ kafkaLag }) => kafkaLag !== undefined)
      ? [chart("Kafka lag, records", [["lag", ({ kafkaLag }) => kafkaLag]])]
      : []),
    ...(busNames.length === 0 ? [] : [chart("CPU of the bus, cores", [["bus", busCpu(samples)]])]),
    ...memory.map((name) => chart("Memory of the bus, MiB", [[name, ({ bus }) => mebibytes(bus[name])]])),
    ...messages.map((name) => chart(`Bus: ${name}`, [[name, ({ bus }) => bus[name]]])),
    bars("Clients by instance and shard", placesOf(report)),
    bars("Welcomes by instance and shard", report.spread),
  ];
}

function latencyByPercentile({ latencyHistogram }: Report): Array<readonly [number, number]> {
  const histogram = new Histogram();
  histogram.merge(latencyHistogram);
  const steps = Array.from({ length: 60 }, (_, at) => 1 - 10 ** (-at / 12));
  return steps
    .filter((quantile) => (1 - quantile) * histogram.count >= 1)
    .map((quantile) => [quantile, histogram.quantileMs(quantile) ?? 0] as const);
}

function instanceCpu({ instances }: Sample): number | undefined {
  const all = Object.values(instances);
  return all.length === 0 ? undefined : all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Redis counts seconds; NATS tells a share of the moment, in percent. */
function busCpu(samples: readonly Sample[]): Of {
  const redis = rateOf(samples, ({ bus }) => {
    const [user, system] = [bus["redis_used_cpu_user"], bus["redis_used_cpu_sys"]];
    return user === undefined || system === undefined ? undefined : user + system;
  });
  return (sample) => {
    const percent = sample.bus["nats_cpu"];
    return percent === undefined ? redis(sample) : percent / 100;
  };
}

/** How fast a total grows, a second. */
function rateOf(samples: readonly Sample[], of: Of): Of {
  const rates = new Map<Sample, number>();
  let before: { readonly value: number; readonly atSeconds: number } | undefined;
  for (const sample of samples) {
    const value = of(sample);
    if (value === undefined) continue;
    const { atSeconds } = sample;
    // Looks that follow each other at once tell of the clock's ticks.
    if (before !== undefined && atSeconds - before.atSeconds < 0.3) continue;
    // A process that is new counts from zero.
    if (before !== undefined && value >= before.value)
      rates.set(sample, (value - before.value) / (atSeconds - before.atSeconds));
    before = { value, atSeconds };
  }
  return (sample) => rates.get(sample);
}

function mebibytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 2 ** 20;
}
