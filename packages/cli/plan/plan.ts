import { type Command, type CommandContext, EXIT, usageFailure } from "../command.ts";
import { readFlagsAlone } from "../readFlags.ts";
import { planCapacity } from "./capacityPlan.ts";
import { planText } from "./planText.ts";
import { costOf, readPrices } from "./prices.ts";
import { PLAN_SETTINGS, type PlanValues, workloadOf } from "./settings.ts";

export const plan: Command = {
  name: "plan",
  summary: "how many instances a load needs, what becomes scarce first, and what it costs",
  usage: "[flags]",
  description:
    "Computes instances, shards, load on the bus and egress from clients, rates and a machine type, and says what runs out " +
    "first. Nothing is started or asked. The figures it rests on were measured, and docs/planning.md has them with every " +
    "formula.",
  settings: PLAN_SETTINGS,
  examples: [
    { does: "the reference load", line: "shardcast plan --connections 12000 --received-per-second 10" },
    {
      does: "what four given machines hold",
      line: "shardcast plan --connections 100000 --received-per-second 1 --instances 4",
    },
    {
      does: "what it costs, for another program",
      line: "shardcast plan --prices prices.yaml --json | jq .cost",
    },
  ],
  exitCodes: {
    0: "The load holds, with the spare instances away.",
    1: "It does not.",
  },
  async run(context) {
    const values = readFlagsAlone(plan.name, PLAN_SETTINGS, context);
    return await planOnce(values, context);
  },
};

async function planOnce(values: PlanValues, { stdout, paint }: CommandContext): Promise<number> {
  const workload = workloadOf(values);
  const isLocal = values.bus === "local";
  const spareInstances = values.spareInstances ?? (isLocal ? 0 : 1);
  if (isLocal && (values.instances ?? 1) + spareInstances > 1)
    throw usageFailure("--bus local holds one instance", "Choose --bus redis or --bus nats for more.");
  const nowMs = Date.now();
  const prices = values.prices === undefined ? undefined : await readPrices(values.prices, nowMs);
  const found = planCapacity(workload, spareInstances, values.instances);
  const cost = prices && costOf(found, prices, values.averageShare, nowMs);
  await stdout.write(
    values.json
      ? `${JSON.stringify({ workload, plan: found, ...(cost && { cost }) }, null, 2)}\n`
      : planText(found, workload, cost, paint.stdout),
  );
  return found.fits ? EXIT.ok : EXIT.failed;
}
