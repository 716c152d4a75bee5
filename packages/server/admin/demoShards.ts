import { z } from "zod";
import type { ShardHealth } from "../health.ts";

/** The part of a shard's process that this needs. */
export interface KillableShard {
  readonly health: ShardHealth;
  kill(): void;
}

/** Why no shard is killed, and the status of the answer. */
export const DEMO_STATUSES = { demo_only: 403, shard_not_ready: 409, shard_idle: 409 } as const;

const BODY = z.object({ shard: z.number().int().nonnegative().optional() });

/**
 * Kills a shard with -9, for people to see that its clients lose nothing by it. Allowed in the embedded demo alone, and
 * while all shards are well: one that nobody presses twice can not stop the service.
 */
export async function killDemoShard(
  request: Request,
  { isDemo, shards }: { readonly isDemo: boolean; readonly shards: readonly KillableShard[] },
): Promise<Response> {
  if (!isDemo) {
    return refusal("demo_only", "shards are killed in the embedded demo alone: `serve --demo`, no Kafka");
  }
  const asked = BODY.safeParse(await request.json().catch(() => undefined));
  if (!asked.success)
    return refusal("bad_request", 'expected {"shard":0}, or {} for the one with the most clients');
  const busiest = [...shards].sort((a, b) => b.health.connections - a.health.connections)[0];
  const number = asked.data.shard ?? busiest?.health.shard;
  const shard = shards.find(({ health }) => health.shard === number);
  if (shard === undefined) return refusal("bad_request", `there is no shard ${number} here`);
  if (shards.some(({ health }) => health.state !== "ready"))
    return refusal("shard_not_ready", "a shard is being started: kill one when all are ready");
  // A client that has just come back is known with the next beat: until then another shard would be killed.
  if (asked.data.shard === undefined && shard.health.connections === 0)
    return refusal(
      "shard_idle",
      "no shard has told of a client yet: ask again in half a second, or name one",
    );
  const { pid, connections } = shard.health;
  shard.kill();
  return Response.json({ killed: { shard: number, pid, connections } });
}

function refusal(code: keyof typeof DEMO_STATUSES | "bad_request", message: string): Response {
  const status = code === "bad_request" ? 400 : DEMO_STATUSES[code];
  return Response.json({ error: { code, message } }, { status });
}
