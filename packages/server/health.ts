export type HealthStatus = "ok" | "degraded" | "unhealthy";

export interface HealthCheck {
  readonly status: HealthStatus;
  readonly value: string | number;
  readonly limit?: string | number;
  readonly message?: string;
}

/** `unhealthy` (503) says only what another instance could do better; what ails all alike is `degraded` (200). */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly instance: string;
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly shards: readonly ShardHealth[];
}

export interface ShardHealth {
  readonly shard: number;
  readonly pid: number | undefined;
  readonly state: "starting" | "ready" | "draining" | "down";
  readonly connections: number;
  readonly restarts: number;
}

/** The worst of the checks. */
export function worst(checks: Iterable<HealthCheck>): HealthStatus {
  let status: HealthStatus = "ok";
  for (const check of checks) {
    if (check.status === "unhealthy") return "unhealthy";
    if (check.status === "degraded") status = "degraded";
  }
  return status;
}

/**
 * The report of an instance that only ingests, as its public port gives it: a load balancer that has it in its list
 * by mistake would otherwise send it all clients, because it never has any.
 */
export function withoutClients(report: HealthReport): HealthReport {
  const message = "this instance only ingests (--role ingest): the admin port tells how it is";
  const clients: HealthCheck = { status: "unhealthy", value: "none", message };
  return { ...report, status: "unhealthy", checks: { ...report.checks, clients } };
}
