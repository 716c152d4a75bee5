import type { Report } from "./report.ts";
import { isNewestOnly } from "./scenario.ts";
import { placesOf } from "./summary.ts";
import { sumOf } from "./sumOf.ts";

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
  const { heldSeconds, scenario } = report;
  if (heldSeconds < scenario.holdSeconds)
    notes.push(`It ended early: ${heldSeconds.toFixed(1)} of ${scenario.holdSeconds} s were held.`);
  const generatorLag = Math.max(0, ...held.map(({ generatorLagMs }) => generatorLagMs));
  const { p99 } = report.latencyMs;
  if (p99 !== undefined && generatorLag > p99 / 2)
    notes.push(
      `A generator was up to ${Math.round(generatorLag)} ms late with its own timers: a part of the latency is its own.`,
    );
  const publisherLag = Math.max(0, ...held.map(({ publisherLagMs }) => publisherLagMs));
  if (scenario.publish !== "none" && p99 !== undefined && publisherLag > p99 / 2)
    notes.push(
      `The process that publishes was up to ${Math.round(publisherLag)} ms late with its own timers: a part of the latency is its own.`,
    );
  if (report.early > 0)
    notes.push(
      `${report.early} messages were received before their own time: the clocks do not agree, and latencies are wrong by as much.`,
    );
  const { took, wanted } = report.rampSeconds;
  if (took > wanted * 1.5 + 2)
    notes.push(
      `The clients took ${took.toFixed(1)} s to come, not ${wanted.toFixed(1)} s: they waited for handshakes.`,
    );
  // By the instances' own count, so that a shard that nobody came to is there too.
  const seen = placesOf(report);
  const counts = Object.keys(seen).length > 0 ? seen : report.spread;
  const places = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const [most, least] = [places[0], places.at(-1)];
  if (
    most !== undefined &&
    least !== undefined &&
    sumOf(counts) / places.length >= SPREAD_CLIENTS_MIN &&
    most[1] > least[1] * UNEVEN
  )
    notes.push(`Shard ${most[0]} got ${most[1]} clients and ${least[0]} only ${least[1]}.`);
  const { publish, channels, topic } = scenario;
  const elsewhere = channels.filter((channel) => !channel.endsWith(`.${topic}`));
  if (publish === "kafka" && report.deliveries === 0 && elsewhere.length > 0)
    notes.push(
      `Nothing came, and ${elsewhere.length} channels such as ${elsewhere[0]} do not end in .${topic}, as those of this topic do unless the servers route otherwise.`,
    );
  if (isNewestOnly(scenario))
    notes.push(
      "Clients asked for the newest values alone: what newer ones stood for is not counted, and latency includes the ticks of a rate.",
    );
  if (report.foreign > 0)
    notes.push(
      `${report.foreign} deliveries were of somebody else's messages: only their cursors were checked.`,
    );
  return notes;
}
