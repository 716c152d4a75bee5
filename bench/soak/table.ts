import type { Churn } from "./churn.ts";
import type { Series } from "./processWatch.ts";
import { median, type Sample, slopePerHour } from "./slope.ts";
import { restGrowthPerHour, rssBoundPerHour, type SoakFindings } from "./verdict.ts";

export interface SoakSummary {
  readonly findings: SoakFindings;
  readonly faults: readonly string[];
  readonly series: ReadonlyMap<string, Series>;
  readonly churn: Churn;
  /** CPU of the servers. */
  readonly cores: number;
  readonly publishFailures: number;
}

/** Medians over this stretch stand for a moment. */
const MOMENT_SECONDS = 60;
const EARLY_SECONDS = 300;
const MIB = 2 ** 20;

export function soakTable({ findings, faults, series, churn, cores, publishFailures }: SoakSummary): string {
  const end = Math.max(0, ...[...series.values()].map(({ rss }) => rss.at(-1)?.atSeconds ?? 0));
  const processes = findings.processes.map((process) => {
    const { name, rss, files, filesBefore, filesAfter, rssBefore, rssAfter } = process;
    const growth = restGrowthPerHour(process, findings.minutesMeasured);
    const all = series.get(name);
    const around = (samples: readonly Sample[] | undefined, seconds: number) =>
      median(
        (samples ?? [])
          .filter(({ atSeconds }) => Math.abs(atSeconds - seconds) <= MOMENT_SECONDS / 2)
          .map(({ value }) => value),
      );
    const moments = (samples: readonly Sample[] | undefined, unit: number) =>
      [EARLY_SECONDS, end - MOMENT_SECONDS]
        .map((at) => (around(samples, at) / unit).toFixed(unit === 1 ? 0 : 1))
        .join(" → ");
    return [
      name.padEnd(16),
      moments(all?.rss, MIB).padEnd(18),
      (slopePerHour(rss) / MIB).toFixed(2).padEnd(12),
      `${(rssBefore / MIB).toFixed(1)} → ${(rssAfter / MIB).toFixed(1)}`.padEnd(18),
      `${(growth / MIB).toFixed(2)} of ${(rssBoundPerHour(process) / MIB).toFixed(1)}`.padEnd(15),
      moments(all?.pss, MIB).padEnd(18),
      moments(all?.heap, MIB).padEnd(18),
      moments(all?.files, 1).padEnd(12),
      slopePerHour(files).toFixed(2).padEnd(10),
      `${filesBefore} → ${filesAfter}`,
    ].join("");
  });
  const kinds = [...churn.counts].map(([kind, { came, subscribed, left, failed }]) =>
    [
      kind.padEnd(28),
      ...[came, subscribed, left.close, left.end, left.reset, left.server, failed].map((n) =>
        `${n}`.padEnd(13),
      ),
    ].join(""),
  );
  return [
    "",
    `${"process".padEnd(16)}${"RSS, MiB".padEnd(18)}${"slope/h".padEnd(12)}${"at rest, MiB".padEnd(18)}${"growth/h".padEnd(15)}${"PSS, MiB".padEnd(18)}${"heap, MiB".padEnd(18)}${"files".padEnd(12)}${"slope/h".padEnd(10)}before and after all visitors`,
    ...processes,
    "",
    [
      "visitors".padEnd(28),
      ...["came", "subscribed", "close frame", "FIN", "reset", "by server", "failed"].map((name) =>
        name.padEnd(13),
      ),
    ].join(""),
    ...kinds,
    "",
    `${findings.visits} visitors, ${findings.accepts} let in, ${(churn.bytes / MIB).toFixed(0)} MiB to them; ${cores.toFixed(2)} cores; ${publishFailures} publishes failed`,
    `residents: ${findings.deliveries} deliveries, violations ${findings.violations}, gaps ${findings.gaps}, behind ${findings.behind}, reconnects ${findings.reconnects}`,
    ...churn.failures.map((failure) => `  ${failure}`),
    ...(faults.length === 0 ? ["all is flat"] : faults.map((fault) => `NOT WELL: ${fault}`)),
  ].join("\n");
}
