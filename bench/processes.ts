import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** User and kernel CPU time that the processes have used so far, in ms. */
export function cpuMs(pids: readonly number[]): number {
  return userMs(pids) + kernelMs(pids);
}

export function userMs(pids: readonly number[]): number {
  return statMs(pids, 11);
}

export function kernelMs(pids: readonly number[]): number {
  return statMs(pids, 12);
}

/** `field` counts behind the process' name, which may hold spaces. */
function statMs(pids: readonly number[], field: number): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[field]);
  }
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** Resident memory of the processes, in bytes. */
export function rssBytes(pids: readonly number[]): number {
  return pids.reduce(
    (sum, pid) => sum + Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096,
    0,
  );
}

/** Memory of the processes where a page that several of them share counts in parts, in bytes. */
export function pssBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const found = /^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return sum + Number(found?.[1] ?? 0) * 1024;
  }, 0);
}

/** The processes that a process has started itself and that still run. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** The q-quantile (0 to 1) of the values, which are sorted in place; NaN where there is none. */
export function quantile(values: number[], q: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;
}
