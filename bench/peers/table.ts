import { type RunName, runText } from "../runOf.ts";
import type { Figures, Load } from "./measure.ts";

const BEGIN = "<!-- peers: written by `npm run bench -- peers --write-docs` -->";
const END = "<!-- /peers -->";

export interface Results {
  readonly load: Load;
  readonly figures: readonly Figures[];
  /** Each with why it was not measured. */
  readonly missing: ReadonlyArray<readonly [peer: string, reason: string]>;
  readonly versions: readonly string[];
  readonly run: RunName;
  /** Of the machine in the last minute, before and after: by what else ran, and by the bench itself. */
  readonly loadAverages: readonly [before: number, after: number];
}

/** The section of docs/benchmarks.md, without its markers. */
export function peersTable({ load, figures, missing, versions, run, loadAverages }: Results): string {
  const lines = [
    `Run of ${runText(run)}: ${load.clients} clients of one channel; equal rate ${load.rate} messages/s, ${load.batch} at once, for ${3 * load.seconds} s, then steps of ${load.seconds} s; ` +
      `${navigator.hardwareConcurrency} cores for servers, Redis, publisher and clients. Load average of the last minute ${loadAverages[0].toFixed(1)} before and ${loadAverages[1].toFixed(1)} after. ` +
      `${versions.join(", ")}.`,
    "",
    "| peer | instances | CPU, µs/delivery | p50, ms | p99, ms | complete | most deliveries/s | CPU there, µs/delivery | RSS per idle client, B | frame, B | Redis, µs/message | clients' CPU, µs/delivery |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ...figures.map(row),
    ...missing.map(([peer, reason]) => `| ${peer} | | not measured: ${reason} | | | | | | | | | |`),
  ];
  return lines.join("\n");
}

function row({ peer, instances, equal, saturated, rssBytesPerClient, steps }: Figures): string {
  const cells = [
    peer,
    `${instances}`,
    equal.cpuUsPerDelivery.toFixed(2),
    equal.p50Ms.toFixed(1),
    equal.p99Ms.toFixed(1),
    `${Math.floor(equal.complete * 10_000) / 100} %`,
    (saturated === undefined
      ? "lags at the equal rate"
      : Math.round(saturated.deliveriesPerSecond).toLocaleString("en")) + closedOf(steps),
    saturated?.cpuUsPerDelivery.toFixed(2) ?? "",
    Math.round(rssBytesPerClient).toLocaleString("en"),
    equal.frameBytes.toFixed(0),
    equal.brokerUsPerMessage?.toFixed(0) ?? "",
    equal.clientsUsPerDelivery.toFixed(2),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** A client that is gone receives nothing, which else would read as a server that lags. */
function closedOf(steps: Figures["steps"]): string {
  const closed = steps.at(-1)?.closed ?? 0;
  return closed === 0 ? "" : ` (${closed} clients were closed)`;
}

/** Puts a table between the markers of a page; throws where they are missing. */
export function withTable(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no lines ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}
