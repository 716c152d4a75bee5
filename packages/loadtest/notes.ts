import type { Report } from "./report.ts";

const BUSY_SHARE = 0.95;
const UNEVEN = 1.5;
/** Fewer clients on a shard than this are uneven by chance. */
const SPREAD_CLIENTS_MIN = 200;

/** What a reader must know to take the figures for what they are; nothing here fails a run. */
export function notesOn(report: Omit<Report, "checks" | "notes">): string[] {
  const notes: string[] = [];
  const held = report.samples.filter(({ phase }) => phase === "holding");
  const busy = held.filter(({ machineCpuShare }) => machineCpuShare > BUSY_SHARE).length;
  if (held.length > 0 && busy * 2 > held.length)
    notes.push(
      `All cores of the machine of the generators were busy in ${busy} of ${held.length} seconds: the latency is of whoever waits for a core.`,
    );
  const generatorLag = Math.max(0, ...held.map(({ generatorLagMs }) => generatorLagMs));
  const { p99 } = report.latencyMs;
  if (p99 !== undefined && generatorLag > p99 / 2)
    notes.push(
      `A generator was up to ${Math.round(generatorLag)} ms late with its own timers: a part of the latency is its own.`,
    );
  const { took, wanted } = report.rampSeconds;
  if (took > wanted * 1.5 + 2)
    notes.push(
      `The clients took ${took.toFixed(1)} s to come, not ${wanted.toFixed(1)} s: they waited for handshakes.`,
    );
  const places = Object.entries(report.spread).sort(([, a], [, b]) => b - a);
  const [most, least] = [places[0], places.at(-1)];
  if (
    most !== undefined &&
    least !== undefined &&
    least[1] >= SPREAD_CLIENTS_MIN &&
    most[1] > least[1] * UNEVEN
  )
    notes.push(`Shard ${most[0]} got ${most[1]} clients and ${least[0]} only ${least[1]}.`);
  if (report.foreign > 0)
    notes.push(
      `${report.foreign} deliveries were of somebody else's messages: only their cursors were checked.`,
    );
  return notes;
}
