import { median, type Sample, slopePerHour } from "./slope.ts";

/** What a soak has found; everything in it can make it fail. */
export interface SoakFindings {
  /** Of each process, since the warm-up was over. */
  readonly processes: readonly ProcessFindings[];
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
  readonly rss: readonly Sample[];
  readonly files: readonly Sample[];
  readonly filesBefore: number;
  /** When the last visitor had gone. */
  readonly filesAfter: number;
}

/** A shorter look can not tell a slope from the collector's ups and downs. */
export const MINUTES_MIN = 10;
/** An allocator and a just-in-time compiler go on settling for hours: this much, or this share if that is more. */
const RSS_BYTES_PER_HOUR_MAX = 6 * 2 ** 20;
const RSS_SHARE_PER_HOUR_MAX = 0.05;
const FILES_PER_HOUR_MAX = 5;
/** Reconnecting to a bus or a broker may hold another file or two at the moment of looking. */
const FILES_LEFT_MAX = 3;
/** Of the visitors, those that come to a handshake are three in four and more. */
const ACCEPTED_SHARE_MIN = 0.6;
const FAILED_SHARE_MAX = 0.001;

export function rssBoundPerHour(rss: readonly Sample[]): number {
  return Math.max(RSS_BYTES_PER_HOUR_MAX, RSS_SHARE_PER_HOUR_MAX * median(rss.map(({ value }) => value)));
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
  for (const { name, rss, files, filesBefore, filesAfter } of found.processes) {
    const grows = slopePerHour(rss);
    // Written so that NaN fails.
    must(grows <= rssBoundPerHour(rss), `${name}: RSS grows by ${(grows / 2 ** 20).toFixed(1)} MiB an hour`);
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
