import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Figure } from "./figure.ts";
import { openFiles } from "./openFiles.ts";

/** A shard's metrics (or, without a number, the supervisor's) in Prometheus' text format; the process's own (CPU, memory, event-loop lag, files) are added. */
export function shardMetrics(shard: number | undefined, figures: readonly Figure[]): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ shard: shard === undefined ? "supervisor" : String(shard) });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS });
  for (const name of [...WRONG_ON_BUN, OPEN_FILES]) registry.removeSingleMetric(name);
  if (openFiles() !== undefined)
    registerFigure(registry, {
      name: OPEN_FILES,
      help: "Number of open file descriptors.",
      kind: "gauge",
      read: () => openFiles() ?? Number.NaN,
    });
  for (const figure of figures) registerFigure(registry, figure);
  return registry;
}

/** Its own 10 ms wake an idle process 100 times a second: a third of what an idle shard costs. A lag of 50 ms is seen all the same. */
const LAG_SAMPLE_MS = 50;

/** The library's own lists a directory of as many entries as there are clients. */
const OPEN_FILES = "process_open_fds";

/**
 * What the library measures of V8 and of Node's own handles, of which Bun has none, so that it is zero for ever or
 * wrong: as the heap it takes the address space that is reserved, several GB.
 */
const WRONG_ON_BUN = [
  "process_heap_bytes",
  ...["active_resources", "active_handles", "active_requests"].flatMap((name) => [
    `nodejs_${name}`,
    `nodejs_${name}_total`,
  ]),
  ...["total", "used", "available"].map((part) => `nodejs_heap_space_size_${part}_bytes`),
  "nodejs_gc_duration_seconds",
  "nodejs_version_info",
];

function registerFigure(registry: Registry, { name, help, kind, label, read }: Figure): void {
  const labelNames = label === undefined ? [] : [label];
  if (kind === "gauge") {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: (): void => setEach(gauge),
    });
  } else {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: (): void => addEach(counter),
    });
  }

  function setEach(gauge: Gauge): void {
    for (const [labels, value] of values()) gauge.set(labels, value);
  }

  function addEach(counter: Counter): void {
    counter.reset();
    for (const [labels, value] of values()) counter.inc(labels, value);
  }

  function* values(): Iterable<[labels: Record<string, string>, value: number]> {
    const value = read();
    if (typeof value === "number") yield [{}, value];
    else
      for (const [key, each] of Object.entries(value))
        yield [label === undefined ? {} : { [label]: key }, each];
  }
}
