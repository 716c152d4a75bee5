import { z } from "zod";
import type { Machine } from "./loadtestPlan.ts";

const INSTANCES = z.array(
  z.object({
    instance: z.string(),
    instanceStatus: z.string().optional(),
    currentAction: z.string().optional(),
  }),
);

/** Those of a group that run and stay, from what `gcloud … list-instances --format json` prints: one that is about to go still runs. */
export function machinesThatStay(json: string): Machine[] {
  return INSTANCES.parse(JSON.parse(json))
    .filter(
      ({ instanceStatus, currentAction = "NONE" }) =>
        instanceStatus === "RUNNING" && STAYING.has(currentAction),
    )
    .map(({ instance }) => {
      const [, zone = "", name = ""] = /\/zones\/([^/]+)\/instances\/([^/]+)$/.exec(instance) ?? [];
      return { name, zone };
    });
}

const STAYING: ReadonlySet<string> = new Set(["NONE", "REFRESHING", "VERIFYING"]);
