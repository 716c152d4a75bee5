import { type Command, EXIT } from "../command.ts";
import { readFlagsAlone } from "../readFlags.ts";
import { AUTOSCALE_SETTINGS, autoscalerOf, curveOf } from "./autoscaleSettings.ts";
import { type Compared, dayText } from "./autoscaleText.ts";
import { PRESETS } from "./presets.ts";
import { LOAD_SETTINGS, workloadOf } from "./settings.ts";
import { type DayOptions, simulateDay } from "./simulateDay.ts";

const ALL_SETTINGS = { ...AUTOSCALE_SETTINGS, ...LOAD_SETTINGS };

/** One day with the settings that were asked about, and with some others. */
export const planAutoscale: Command = {
  name: "plan autoscale",
  summary: "a day with an autoscaler: whether its settings flap, and whom that sends away",
  usage: "[flags]",
  description:
    "Plays a day whose peak is --connections against the settings of an autoscaler, drains included, and the same day with " +
    "other settings beside it. Nothing is started or asked. docs/planning.md tells how it counts.",
  settings: ALL_SETTINGS,
  examples: [
    { does: "a hundred thousand clients by day", line: "shardcast plan autoscale --connections 100000" },
    {
      does: "what a short stabilization would do",
      line: "shardcast plan autoscale --connections 100000 --stabilization-seconds 600",
    },
    {
      does: "for another program",
      line: "shardcast plan autoscale --connections 100000 --json | jq .day.flaps",
    },
  ],
  exitCodes: {
    0: "The group is steady, and every client found room.",
    1: "It flaps, or clients found no room.",
  },
  async run(context) {
    const values = readFlagsAlone(planAutoscale.name, ALL_SETTINGS, context);
    const workload = workloadOf(values);
    const options: DayOptions = {
      workload,
      curve: curveOf(values),
      autoscaler: autoscalerOf(values, workload),
      lifetimeSeconds: values.lifetimeMinutes * 60,
    };
    const day = simulateDay(options);
    const others = PRESETS.map(({ name, why, change }): Compared => {
      const autoscaler = { ...options.autoscaler, ...change };
      return { name, why, day: simulateDay({ ...options, autoscaler }) };
    });
    await context.stdout.write(
      values.json
        ? `${JSON.stringify({ ...options, day, others }, null, 2)}\n`
        : dayText(day, others, options, context.paint.stdout),
    );
    return !day.isFlapping && day.refusedClientSeconds === 0 ? EXIT.ok : EXIT.failed;
  },
};
