import { readFileSync } from "node:fs";

/** Whether a process still runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // No such process.
    return false;
  }
  try {
    // A zombie has ended: only its new parent has not asked for its exit code yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // Hosts without /proc reap orphans at once.
    return process.platform !== "linux";
  }
}
