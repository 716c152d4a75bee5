import { MEASURED } from "./measured.ts";
import type { Workload } from "./workload.ts";

/** Of a machine's memory, that an instance may use: the rest is the system's. */
export const MEMORY_SHARE_MAX = 0.85;

/** What an instance takes before its first client. */
export function fixedMemoryBytes({
  shardsPerInstance,
  historyBytesPerShard,
  embeddedLogBytes,
}: Pick<Workload, "shardsPerInstance" | "historyBytesPerShard" | "embeddedLogBytes">): number {
  const processes = (shardsPerInstance + 1) * MEASURED.processBytes.value;
  return processes + shardsPerInstance * historyBytesPerShard + embeddedLogBytes;
}

/** What each client adds, on average. */
export function clientMemoryBytes({
  stalledShare,
  stalledBytes,
}: Pick<Workload, "stalledShare" | "stalledBytes">): number {
  return MEASURED.clientBytes.value + MEASURED.clientKernelBytes.value + stalledShare * stalledBytes;
}
