import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { usageFailure } from "../command.ts";
import type { CapacityPlan } from "./capacityPlan.ts";

const PRICES = z.strictObject({
  /** When they were looked up: prices without a date are worth nothing. */
  asOf: z.iso.date(),
  source: z.string().min(1),
  currency: z.string().min(1),
  instanceHour: z.number().nonnegative(),
  busHour: z.number().nonnegative().default(0),
  balancerHour: z.number().nonnegative().default(0),
  /** What the balancer takes for each GiB that passes. */
  balancerGib: z.number().nonnegative().default(0),
  /** To the internet. */
  egressGib: z.number().nonnegative(),
});

export type Prices = z.infer<typeof PRICES>;

export interface Cost {
  readonly currency: string;
  readonly asOf: string;
  readonly ageDays: number;
  readonly isOld: boolean;
  readonly perMonth: Readonly<Record<"instances" | "bus" | "balancer" | "egress" | "total", number>>;
  readonly egressGib: number;
}

const HOURS_PER_MONTH = 730;
const AGE_DAYS_MAX = 90;
const DAY_MS = 86_400_000;

export async function readPrices(path: string, nowMs: number): Promise<Prices> {
  const advice = "deploy/prices.example.yaml is one to copy and fill in.";
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageFailure(`the prices in ${path} cannot be read (${error.code ?? error.message})`, advice);
  });
  try {
    const prices = PRICES.parse(parse(text));
    if (Date.parse(prices.asOf) > nowMs) throw new Error(`asOf ${prices.asOf} is in the future`);
    return prices;
  } catch (error) {
    const fault =
      error instanceof z.ZodError
        ? z.prettifyError(error)
        : error instanceof Error
          ? error.message.trim()
          : String(error);
    throw usageFailure(`the prices in ${path} cannot be used:\n  ${fault.replaceAll("\n", "\n  ")}`, advice);
  }
}

/** `averageShare` is the load over the month, beside the peak that was planned for. */
export function costOf(plan: CapacityPlan, prices: Prices, averageShare: number, nowMs: number): Cost {
  const gib = ((plan.egressGbps * averageShare * 1e9) / 8 / 2 ** 30) * HOURS_PER_MONTH * 3600;
  const instances = (plan.instances + plan.spareInstances) * prices.instanceHour * HOURS_PER_MONTH;
  const bus = plan.busEgressGbps > 0 ? prices.busHour * HOURS_PER_MONTH : 0;
  const balancer = prices.balancerHour * HOURS_PER_MONTH + gib * prices.balancerGib;
  const egress = gib * prices.egressGib;
  const ageDays = Math.floor((nowMs - Date.parse(prices.asOf)) / DAY_MS);
  return {
    currency: prices.currency,
    asOf: prices.asOf,
    ageDays,
    isOld: ageDays > AGE_DAYS_MAX,
    perMonth: { instances, bus, balancer, egress, total: instances + bus + balancer + egress },
    egressGib: gib,
  };
}
