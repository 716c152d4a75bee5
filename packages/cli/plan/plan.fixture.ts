import { AUTOSCALE_SETTINGS, type AutoscaleValues, autoscalerOf, curveOf } from "./autoscaleSettings.ts";
import type { Measured } from "./measured.ts";
import { PLAN_SETTINGS, type PlanValues, workloadOf } from "./settings.ts";
import type { DayOptions } from "./simulateDay.ts";

type Values = PlanValues & AutoscaleValues;

/** What the flags say where none is given, with these instead. */
export function planValues(values: Partial<Values> = {}): Values {
  const defaults = Object.entries({ ...PLAN_SETTINGS, ...AUTOSCALE_SETTINGS }).map(([key, setting]) => [
    key,
    "default" in setting ? setting.default : undefined,
  ]);
  return { ...(Object.fromEntries(defaults) as Values), ...values };
}

export function dayOptions(values: Partial<Values> = {}): DayOptions {
  const all = planValues({ connections: 100_000, ...values });
  const workload = workloadOf(all);
  return {
    workload,
    curve: curveOf(all),
    autoscaler: autoscalerOf(all, workload),
    lifetimeSeconds: all.lifetimeMinutes * 60,
  };
}

/** A figure as docs/planning.md tells it. */
export function measuredRow(name: string, { value, unit, source }: Measured): string {
  return `| \`${name}\` | ${value.toLocaleString("en-US")} | ${unit} | ${source} |`;
}
