import type { Report, Sample } from "./report.ts";
import { countsOf, shown, summaryOf } from "./summary.ts";

type Series = ReadonlyArray<readonly [name: string, of: (sample: Sample) => number | undefined]>;

/** The report as one page without anything from elsewhere. */
export function htmlOf(report: Report): string {
  const { samples, checks } = report;
  const admins = Object.keys(samples.at(-1)?.instances ?? {});
  const perInstance = (
    of: (sample: Sample, admin: string, before: Sample | undefined) => number | undefined,
  ): Series =>
    admins.map((admin) => [admin, (sample) => of(sample, admin, samples[samples.indexOf(sample) - 1])]);
  const held = checks.every((check) => check.held);
  const bus = Object.keys(samples.at(-1)?.bus ?? {}).filter((name) =>
    /memory|mem$|ops_per_sec|^cpu$/.test(name),
  );
  const charts = [
    chart("Latency, ms", samples, [
      ["p50", ({ p50Ms }) => p50Ms],
      ["p99", ({ p99Ms }) => p99Ms],
    ]),
    chart("Connections", samples, [["open", ({ connected }) => connected]]),
    chart("Deliveries a second", samples, [["deliveries", ({ deliveriesPerSecond }) => deliveriesPerSecond]]),
    chart(
      "CPU of each instance, cores",
      samples,
      perInstance((sample, admin, before) => {
        const [now, then] = [sample.instances[admin], before?.instances[admin]];
        if (now === undefined || then === undefined || before === undefined) return undefined;
        return (now.cpuSeconds - then.cpuSeconds) / Math.max(0.001, sample.atSeconds - before.atSeconds);
      }),
    ),
    chart(
      "Memory of each instance, MiB",
      samples,
      perInstance((sample, admin) => mebibytes(sample.instances[admin]?.rssBytes)),
    ),
    chart(
      "Event-loop lag, ms",
      samples,
      perInstance((sample, admin) => sample.instances[admin]?.eventLoopLagMs),
    ),
    chart(
      "Queued bytes",
      samples,
      perInstance((sample, admin) => sample.instances[admin]?.queueBytes),
    ),
    chart(
      "Kafka lag, records",
      samples,
      perInstance((sample, admin) => sample.instances[admin]?.kafkaLag),
    ),
    chart("Busiest generator, cores", samples, [["generator", ({ generatorCpuShare }) => generatorCpuShare]]),
    ...bus.map((name) => chart(`Bus: ${name}`, samples, [[name, (sample) => sample.bus[name]]])),
    bars("Welcomes by instance/shard", report.spread),
  ];
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Load test: ${held ? "passed" : "FAILED"}</title><style>${STYLE}</style>
<h1>Load test <span class="${held ? "held" : "broken"}">${held ? "passed" : "failed"}</span></h1>
<p>${escaped(report.startedAt)}${report.wasInterrupted ? ", interrupted" : ""} · ${report.generators} generator(s) · Clock: ${escaped(report.clock)}.</p>
<h2>Checks</h2><table>${checks
    .map(
      ({ name, held: isHeld, value, limit }) =>
        `<tr><td class="${isHeld ? "held" : "broken"}">${isHeld ? "✓" : "✗"}</td><td>${name}</td><td class="n">${value}</td><td>${limit}</td></tr>`,
    )
    .join("")}</table>
<h2>Figures</h2><table>${summaryOf(report)
    .map(([name, value]) => `<tr><td>${name}</td><td class="n">${value}</td></tr>`)
    .join("")}${countsOf(report)
    .map(([name, text]) => `<tr><td>${name}</td><td>${escaped(text)}</td></tr>`)
    .join("")}</table>
<h2>Over time</h2><div class="charts">${charts.join("")}</div>
<h2>Scenario</h2><pre>${escaped(JSON.stringify(report.scenario, undefined, 2))}</pre></html>\n`;
}

const STYLE = `:root{color-scheme:light dark;--c0:light-dark(#1565c0,#64b5f6);--c1:light-dark(#c62828,#ef9a9a);--c2:light-dark(#2e7d32,#a5d6a7);--c3:light-dark(#6a1b9a,#ce93d8);--line:light-dark(#ccc,#444)}
body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td{padding:.15rem .9rem .15rem 0;border-bottom:1px solid var(--line)}.n{text-align:right;font-variant-numeric:tabular-nums}
.held{color:var(--c2)}.broken{color:var(--c1);font-weight:700}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(28rem,1fr));gap:1.2rem}
figure{margin:0}figcaption{font-weight:600}svg{width:100%;height:auto}text{fill:currentColor;font-size:11px}pre{overflow:auto}`;

const [WIDTH, HEIGHT, LEFT] = [560, 170, 64];

function chart(title: string, samples: readonly Sample[], series: Series): string {
  const end = Math.max(1, samples.at(-1)?.atSeconds ?? 1);
  const lines = series.map(([name, of]) => ({
    name,
    points: samples.flatMap((sample) => {
      const value = of(sample);
      return value === undefined ? [] : [[sample.atSeconds, value] as const];
    }),
  }));
  const top = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)), 0) || 1;
  const x = (seconds: number) => (LEFT + (seconds / end) * (WIDTH - LEFT - 8)).toFixed(1);
  const y = (value: number) => (HEIGHT - 22 - (value / top) * (HEIGHT - 40)).toFixed(1);
  const drawn = lines.map(
    ({ points }, index) =>
      `<polyline fill="none" stroke="var(--c${index % 4})" stroke-width="1.8" points="${points.map(([at, value]) => `${x(at)},${y(value)}`).join(" ")}"/>`,
  );
  const names = lines.map(
    ({ name }, index) => `<tspan fill="var(--c${index % 4})" dx="8">${escaped(name)}</tspan>`,
  );
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
<path d="M${LEFT} ${y(top)}H${WIDTH - 8}M${LEFT} ${y(0)}H${WIDTH - 8}" stroke="var(--line)"/>
<text x="${LEFT - 6}" y="${y(top)}" text-anchor="end">${shown(top)}</text><text x="${LEFT - 6}" y="${y(0)}" text-anchor="end">0</text>
<text x="${WIDTH - 8}" y="${HEIGHT - 6}" text-anchor="end">${shown(Math.round(end))} s</text><text x="${LEFT}" y="${HEIGHT - 6}">${names.join("")}</text>${drawn.join("")}</svg></figure>`;
}

function bars(title: string, counts: Readonly<Record<string, number>>): string {
  const top = Math.max(1, ...Object.values(counts));
  const rows = Object.entries(counts).map(
    ([name, count], at) =>
      `<text x="0" y="${at * 20 + 14}">${escaped(name)}</text><rect x="120" y="${at * 20 + 3}" width="${(count / top) * 340}" height="14" fill="var(--c0)"/><text x="${126 + (count / top) * 340}" y="${at * 20 + 14}">${count}</text>`,
  );
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${rows.length * 20 + 10}">${rows.join("")}</svg></figure>`;
}

function mebibytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 2 ** 20;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
