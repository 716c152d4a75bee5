import type { CommandContext } from "../command.ts";
import { EXIT } from "../command.ts";
import { type AutoscaleValues, autoscalerOf, curveOf } from "./autoscaleSettings.ts";
import { type Compared, dayText } from "./autoscaleText.ts";
import { PRESETS } from "./presets.ts";
import { workloadOf } from "./settings.ts";
import { type DayOptions, simulateDay } from "./simulateDay.ts";

/** `shardcast plan autoscale`: one day with the settings that were asked about, and with some others. */
export async function planAutoscale(
  values: AutoscaleValues,
  { stdout, paint }: Pick<CommandContext, "stdout" | "paint">,
): Promise<number> {
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
  await stdout.write(
    values.json
      ? `${JSON.stringify({ ...options, day, others }, null, 2)}\n`
      : dayText(day, others, options, paint.stdout),
  );
  const isGood = !day.isFlapping && day.refusedClientSeconds === 0;
  return isGood ? EXIT.ok : EXIT.failed;
}
