import type { ToGenerator } from "./generatorMessages.ts";
import type { Generators } from "./generators.ts";

const TURN_MS = 50;
/** So often it is counted what is missing. What is repeated has as long to come. */
const AUDIT_MS = 1500;
/** While something is missing it has this long a silence to come: a server that stalls is late, and has lost nothing. */
const LATE_MS_MAX = 10_000;

export interface Settling {
  readonly generators: Generators;
  readonly connections: number;
  readonly audit: Omit<Extract<ToGenerator, { type: "audit" }>, "type">;
  /** Nobody waits any more for clients that are not there, nor for what is late. */
  readonly isCutShort: () => boolean;
}

/** Waits until all clients are there, and all that is due to them has come, or nothing comes any more. */
export async function settle(settling: Settling, withinMs: number): Promise<void> {
  const { generators, connections, audit, isCutShort } = settling;
  const deadline = performance.now() + withinMs;
  let seen = -1;
  let changedMs = performance.now();
  let auditedMs = performance.now();
  for (; performance.now() < deadline; await Bun.sleep(TURN_MS)) {
    const nowMs = performance.now();
    const now = generators.total("deliveries") + generators.total("connected");
    if (now !== seen) changedMs = nowMs;
    seen = now;
    const quietMs = nowMs - changedMs;
    const areThere = isCutShort() || generators.total("ready") >= connections;
    if (!areThere || nowMs - auditedMs < AUDIT_MS) continue;
    if (quietMs >= (isCutShort() ? AUDIT_MS : LATE_MS_MAX)) return;
    await generators.audit(audit, deadline - performance.now());
    auditedMs = performance.now();
    // Others may publish on the same channels: that there is no silence says nothing then.
    if (generators.total("lost") === 0) return;
  }
}
