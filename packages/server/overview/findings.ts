import type { ClusterProblem, SeenInstance } from "../cluster/clusterView.ts";
import type { HealthStatus } from "../health.ts";
import type { Finding, LostInstance } from "./shape.ts";

/**
 * What is wrong in the cluster, the worst first. What many instances say in the same words is one finding: with fifty of
 * them it would otherwise be a list that nobody reads.
 */
export function findingsOf(
  instances: readonly SeenInstance[],
  problems: readonly ClusterProblem[],
  lost: readonly LostInstance[],
): readonly Finding[] {
  const findings = new Map<string, Finding>();
  const add = (
    level: HealthStatus,
    code: string,
    message: string,
    ids: readonly string[],
    key = `${level} ${code} ${message}`,
  ): void => {
    if (level === "ok") return;
    const known = findings.get(key);
    const instances = [...new Set([...(known?.instances ?? []), ...ids])];
    findings.set(key, { level, code, message: known?.message ?? message, instances });
  };
  for (const { id, status, vitals, isSilent } of instances) {
    if (isSilent) {
      const message = "has not been heard of for more than 5 s: it hangs, or the bus does not carry its word";
      add("degraded", "silent", message, [id]);
    }
    if (status === "ok") continue;
    // What instances contradict each other in stands below, once.
    const own = vitals?.problems ?? [];
    const isDraining = own.some(({ check }) => check === "draining");
    const told = own.filter(
      ({ check, status: level }) =>
        (check !== "cluster" || problems.length === 0) &&
        // That it has handed its partitions over, and what follows from that, is part of it.
        (!isDraining || check === "draining" || level === "unhealthy"),
    );
    for (const { check, status: judged, value, message } of told) {
      // It takes no clients, as somebody wanted; the cluster works as before.
      const level = check === "draining" && judged === "unhealthy" ? "degraded" : judged;
      add(level, check, inWords(value, message), [id], `${level} ${check} ${message}`);
    }
    if (vitals === undefined) add(status, "unexplained", "does not tell why: see its /health", [id]);
  }
  for (const { kind, message, instances: ids } of problems) add("degraded", kind, message, ids);
  for (const { id } of lost) {
    const message = "fell silent without a goodbye: its process or its machine is gone, or its network";
    add("unhealthy", "lost", message, [id]);
  }
  return [...findings.values()].sort(
    (a, b) =>
      Number(b.level === "unhealthy") - Number(a.level === "unhealthy") ||
      b.instances.length - a.instances.length,
  );
}

/** Some messages of /health say what their value counts. */
function inWords(value: string, message: string): string {
  if (message === "") return `the check has the value ${value}`;
  return message.startsWith("ms ") ? `${value} ${message}` : message;
}
