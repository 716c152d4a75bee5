import { readSettings } from "@shardcast/server/config/readSettings";
import { type Command, type CommandContext, EXIT, usageFailure } from "../command.ts";
import { reportProblems } from "../reportProblems.ts";
import { planAutoscale } from "./autoscale.ts";
import { AUTOSCALE_SETTINGS, type AutoscaleValues } from "./autoscaleSettings.ts";
import { planCapacity } from "./capacityPlan.ts";
import { planText } from "./planText.ts";
import { costOf, readPrices } from "./prices.ts";
import { PLAN_SETTINGS, workloadOf } from "./settings.ts";

const ALL_SETTINGS = { ...PLAN_SETTINGS, ...AUTOSCALE_SETTINGS };

export const plan: Command = {
  name: "plan",
  summary: "how many instances a load needs, what becomes scarce first, and what it costs",
  usage: "[autoscale] [flags]",
  description:
    "Computes instances, shards, load on the bus and egress from clients, rates and a machine type, and says what runs out " +
    "first. Nothing is started or asked. The figures it rests on were measured, and docs/planning.md has them with every " +
    "formula. Exit code 1 where it does not hold. With autoscale it plays a day with that peak against the settings of an " +
    "autoscaler, drains included, and tells whether these flap: exit code 1 where they do, or where clients found no room.",
  settings: ALL_SETTINGS,
  examples: [
    { does: "the reference load", line: "shardcast plan --connections 12000 --received-per-second 10" },
    {
      does: "what four given machines hold",
      line: "shardcast plan --connections 100000 --received-per-second 1 --instances 4",
    },
    { does: "a day with an autoscaler", line: "shardcast plan autoscale --connections 100000" },
  ],
  async run(context) {
    const read = readSettings(ALL_SETTINGS, context);
    if (read.problems.length > 0) {
      await reportProblems(read.problems, context);
      return EXIT.usage;
    }
    const [word, extra] = read.positionals;
    if (extra !== undefined || (word !== undefined && word !== "autoscale"))
      throw usageFailure(`${extra ?? word} is not understood`, "shardcast plan, or shardcast plan autoscale");
    return word === "autoscale"
      ? await planAutoscale(read.values, context)
      : await planOnce(read.values, context);
  },
};

async function planOnce(values: AutoscaleValues, { stdout, paint }: CommandContext): Promise<number> {
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
