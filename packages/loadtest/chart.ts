import { shown } from "./summary.ts";

export interface Line {
  readonly name: string;
  readonly points: ReadonlyArray<readonly [x: number, y: number]>;
}

const [WIDTH, HEIGHT, LEFT] = [560, 170, 64];
const COLOURS = 6;
/** More would make a page of megabytes, and a screen has no more columns. */
const POINTS_MAX = 500;

/** Lines over time, from 0 to `end` in seconds. */
export function lineChart(title: string, lines: readonly Line[], end: number): string {
  const drawn = lines.map(({ name, points }) => ({ name, points: thinned(points) }));
  const top = Math.max(...drawn.flatMap(({ points }) => points.map(([, value]) => value)), 0) || 1;
  const x = (seconds: number) => (LEFT + (seconds / end) * (WIDTH - LEFT - 8)).toFixed(1);
  return figure(title, [
    ...frame(top, `${shown(Math.round(end))} s`),
    names(drawn),
    ...drawn.map(({ points }, at) =>
      polyline(
        at,
        points.map(([second, value]) => `${x(second)},${y(value, top)}`),
      ),
    ),
  ]);
}

/** Values at quantiles from 0 to 1; towards 1 each nine has the same width. */
export function quantileChart(
  title: string,
  points: ReadonlyArray<readonly [quantile: number, value: number]>,
): string {
  const nines = (quantile: number) => Math.min(5, -Math.log10(Math.max(1e-5, 1 - quantile)));
  const end = Math.max(1, ...points.map(([quantile]) => nines(quantile)));
  const x = (quantile: number) => LEFT + (nines(quantile) / end) * (WIDTH - LEFT - 8);
  const top = Math.max(...points.map(([, value]) => value), 0) || 1;
  const marks = [0.5, 0.9, 0.99, 0.999, 0.9999].filter((quantile) => nines(quantile) < end * 0.97);
  return figure(title, [
    ...frame(top, ""),
    ...marks.map(
      (quantile) =>
        `<text x="${x(quantile).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="middle">${Number((quantile * 100).toFixed(2))} %</text>`,
    ),
    polyline(
      0,
      points.map(([quantile, value]) => `${x(quantile).toFixed(1)},${y(value, top)}`),
    ),
  ]);
}

export function bars(title: string, counts: Readonly<Record<string, number>>): string {
  const top = Math.max(1, ...Object.values(counts));
  const rows = Object.entries(counts).map(([name, count], at) => {
    const width = (count / top) * 300;
    return `<text x="0" y="${at * 20 + 14}">${escaped(name)}</text><rect x="180" y="${at * 20 + 3}" width="${width.toFixed(1)}" height="14" fill="var(--c0)"/><text x="${(186 + width).toFixed(1)}" y="${at * 20 + 14}">${shown(count)}</text>`;
  });
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${rows.length * 20 + 10}" role="img" aria-label="${escaped(title)}">${rows.join("")}</svg></figure>`;
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function figure(title: string, parts: readonly string[]): string {
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${parts.join("\n")}</svg></figure>`;
}

function y(value: number, top: number): string {
  return (HEIGHT - 22 - (value / top) * (HEIGHT - 40)).toFixed(1);
}

function frame(top: number, end: string): readonly string[] {
  return [
    `<path d="M${LEFT} ${y(top, top)}H${WIDTH - 8}M${LEFT} ${y(0, top)}H${WIDTH - 8}" stroke="var(--line)"/>`,
    `<text x="${LEFT - 6}" y="${y(top, top)}" text-anchor="end">${shown(top)}</text><text x="${LEFT - 6}" y="${y(0, top)}" text-anchor="end">0</text>`,
    `<text x="${WIDTH - 8}" y="${HEIGHT - 6}" text-anchor="end">${end}</text>`,
  ];
}

function names(lines: readonly Line[]): string {
  const each = lines.map(
    ({ name }, at) => `<tspan style="fill:var(--c${at % COLOURS})" dx="8">${escaped(name)}</tspan>`,
  );
  return `<text x="${LEFT}" y="${HEIGHT - 6}">${each.join("")}</text>`;
}

function polyline(at: number, points: readonly string[]): string {
  return `<polyline fill="none" stroke="var(--c${at % COLOURS})" stroke-width="1.8" points="${points.join(" ")}"/>`;
}

/** Of each stretch the greatest value, so that no peak is lost. */
function thinned(points: Line["points"]): Line["points"] {
  const stretch = Math.ceil(points.length / POINTS_MAX);
  if (stretch <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / stretch) }, (_, at) =>
    points
      .slice(at * stretch, (at + 1) * stretch)
      .reduce((most, point) => (point[1] > most[1] ? point : most)),
  );
}
