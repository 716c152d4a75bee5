import type { HistoryColumn } from "@shardcast/server/overview/columns";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { colour, onThemeChange } from "./theme.ts";

export interface Series {
  readonly column: HistoryColumn;
  readonly name: string;
}

interface Props {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number | null) => string;
  /** Of the axis: `binary` ones are powers of two, as bytes are counted. */
  readonly steps: keyof typeof STEPS;
  readonly nowMs: number;
  /** In seconds since 1970. */
  readonly times: readonly number[];
  /** For each series, a value for each time. */
  readonly values: ReadonlyArray<ReadonlyArray<number | null>>;
}

const SPAN_SECONDS = 15 * 60;
const HEIGHT = 120;
const STEPS = {
  whole: decimalSteps(0),
  broken: decimalSteps(-3),
  binary: Array.from({ length: 50 }, (_, power) => 2 ** power),
} as const;
const SERIES_COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4"];
/** Charts with the same key show the same time under the pointer. */
const SYNC_KEY = "dashboard";

export function Chart({ title, series, format, steps, nowMs, times, values }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [pointed, setPointed] = useState<number | null>(null);
  const [palette, setPalette] = useState(0);
  const data = [times, ...values] as unknown as uPlot.AlignedData;

  useEffect(() => onThemeChange(() => setPalette((number) => number + 1)), []);

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const made = new uPlot(
      optionsOf(element.clientWidth, series, { format, steps }, setPointed),
      data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [palette]);

  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false);
      plot.current?.setScale("x", { min: nowMs / 1000 - SPAN_SECONDS, max: nowMs / 1000 });
    });
  }, [times, values, nowMs]);

  const index = pointed ?? times.length - 1;
  const isEmpty = values.every((column) => column.every((value) => value === null));
  const shown = values.map((column) => format(column[index] ?? null));
  const spoken = series.map(({ name }, number) => `${name} ${shown[number]}`).join(", ");
  return (
    <figure class="chart panel">
      <figcaption>
        <h3>{title}</h3>
        <span>
          {series.map(({ name }, number) => (
            <span key={name} class={`key key${number + 1}`}>
              {series.length > 1 && `${name} `}
              <b>{shown[number]}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title} over the last 15 minutes; now ${spoken}`}>
        {isEmpty && <p class="nothing">nothing to show</p>}
      </div>
    </figure>
  );
}

/** 1, 2, 5, 10, 20 … times a power of ten. */
function decimalSteps(fromPower: number): number[] {
  return Array.from({ length: 16 }, (_, power) =>
    [1, 2, 5].map((step) => step * 10 ** (power + fromPower)),
  ).flat();
}

function optionsOf(
  width: number,
  series: readonly Series[],
  { format, steps }: Pick<Props, "format" | "steps">,
  onPointed: (index: number | null) => void,
): uPlot.Options {
  const axis = { stroke: colour("--faint"), font: "11px system-ui, sans-serif" };
  const lines = { stroke: colour("--line"), width: 1 };
  return {
    width: Math.max(100, width),
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: {
      sync: { key: SYNC_KEY, setSeries: false },
      drag: { x: false, y: false },
      points: { size: 6 },
      y: false,
    },
    scales: { y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1e-3) * 1.1] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ticks: { show: false },
        size: 22,
        space: 60,
        values: (_, splits) =>
          splits.map((seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB").slice(0, 5)),
      },
      {
        ...axis,
        grid: lines,
        ticks: { show: false },
        size: 58,
        incrs: STEPS[steps],
        space: 34,
        values: (_, splits) => splits.map((value) => format(value)),
      },
    ],
    series: [
      {},
      ...series.map((_, number) => ({
        stroke: colour(SERIES_COLOURS[number] ?? "--series-1"),
        width: 1.5,
        points: { show: false },
        ...(series.length === 1 && { fill: colour("--series-1-fill") }),
      })),
    ],
    hooks: { setCursor: [({ cursor }) => onPointed(cursor.idx ?? null)] },
  };
}
