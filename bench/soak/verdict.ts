import { type Sample, slopePerHour } from "./slope.ts";

/** What a soak has found; but for the processes' `rss` everything in it can make it fail. */
export interface SoakFindings {
  readonly processes: readonly ProcessFindings[];
  /** From the rest after the warm-up to the rest at the end. */
  readonly minutesMeasured: number;
  readonly visits: number;
  /** Handshakes that the servers have let in, and event streams, from before the first visitor until after the last. */
  readonly accepts: number;
  /** Of kinds of visitors that there should be, those of which none came. */
  readonly kindsMissing: readonly string[];
  readonly visitsFailed: number;
  readonly deliveries: number;
  readonly violations: number;
  readonly gaps: number;
  readonly behind: number;
  readonly reconnects: number;
  /** Gauges, such as connections and topics, that did not come back to what they were before the first visitor. */
  readonly leftOver: readonly string[];
}

export interface ProcessFindings {
  readonly name: string;
  /** While visitors came, since the rest after the warm-up: for people, because the collector's moods are in it. */
  readonly rss: readonly Sample[];
  readonly files: readonly Sample[];
  /** Bytes, when the visitors of the warm-up had gone, and when the last one had. */
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly filesBefore: number;
  /** When the last visitor had gone. */
  readonly filesAfter: number;
}

/** A shorter look can not tell growth from the collector's ups and downs. */
const MINUTES_MIN = 10;
/** An allocator and a just-in-time compiler go on settling for hours: this much, or this share if that is more. */
const RSS_BYTES_PER_HOUR_MAX = 6 * 2 ** 20;
const RSS_SHARE_PER_HOUR_MAX = 0.05;
const FILES_PER_HOUR_MAX = 5;
/** Reconnecting to a bus or a broker may hold another file or two at the moment of looking. */
const FILES_LEFT_MAX = 3;
/** Of the visitors, those that come to a handshake are three in four and more. */
const ACCEPTED_SHARE_MIN = 0.6;
const FAILED_SHARE_MAX = 0.001;

/** By how many bytes an hour a process holds more when all have gone. NaN where nothing was measured. */
export function restGrowthPerHour({ rssBefore, rssAfter }: ProcessFindings, minutes: number): number {
  return ((rssAfter - rssBefore) / minutes) * 60;
}

export function rssBoundPerHour({ rssBefore }: ProcessFindings): number {
  return Math.max(RSS_BYTES_PER_HOUR_MAX, RSS_SHARE_PER_HOUR_MAX * rssBefore);
}

/**
 * What a process holds at rest: a low quantile, since between two collections it holds garbage too, for as long as it has
 * reason to think that there is room. NaN where there is no sample.
 */
export function restingBytes(rss: readonly Sample[]): number {
  const sorted = rss.map(({ value }) => value).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
}

/** What is wrong, a line each; empty where all is well. A soak that has shown nothing is not well. */
export function faultsOf(found: SoakFindings): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };
  must(
    found.minutesMeasured >= MINUTES_MIN,
    `too short to tell: ${found.minutesMeasured.toFixed(1)} minutes behind the warm-up`,
  );
  must(found.processes.length > 0, "no process was watched");
  for (const process of found.processes) {
    const { name, files, filesBefore, filesAfter } = process;
    const grows = restGrowthPerHour(process, found.minutesMeasured);
    // Written so that NaN fails.
    must(
      grows <= rssBoundPerHour(process),
      `${name}: RSS at rest grows by ${(grows / 2 ** 20).toFixed(1)} MiB an hour`,
    );
    const filesGrow = slopePerHour(files);
    must(filesGrow <= FILES_PER_HOUR_MAX, `${name}: open files grow by ${filesGrow.toFixed(1)} an hour`);
    const left = filesAfter - filesBefore;
    must(left <= FILES_LEFT_MAX, `${name}: ${left} files more are open than before the first visitor`);
  }
  must(found.visits > 0, "nobody came");
  must(
    found.accepts >= found.visits * ACCEPTED_SHARE_MIN,
    `of ${found.visits} visitors only ${found.accepts} were let in`,
  );
  must(found.kindsMissing.length === 0, `no visitors: ${found.kindsMissing.join(", ")}`);
  must(found.visitsFailed <= found.visits * FAILED_SHARE_MAX, `${found.visitsFailed} visits failed`);
  must(found.deliveries > 0, "nothing was delivered to those who stayed");
  for (const name of ["violations", "gaps", "behind", "reconnects"] as const)
    must(found[name] === 0, `those who stayed: ${name} ${found[name]}`);
  must(found.leftOver.length === 0, `left over: ${found.leftOver.join("; ")}`);
  return faults;
}
