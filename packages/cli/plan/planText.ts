import type { Paint } from "../paint.ts";
import { ADVICE } from "./advice.ts";
import type { CapacityPlan } from "./capacityPlan.ts";
import { bytesPerDelivery } from "./evaluate.ts";
import type { Cost } from "./prices.ts";
import type { Workload } from "./workload.ts";

/** A plan for a person. */
export function planText(
  plan: CapacityPlan,
  workload: Workload,
  cost: Cost | undefined,
  paint: Paint,
): string {
  const { machine, shardsPerInstance } = workload;
  const { instances, spareInstances, firstBottleneck, connectionsMax, lossOfOne } = plan;
  const spare = spareInstances === 0 ? "" : ` + ${spareInstances} spare`;
  const verdict = plan.fits ? paint.green("holds") : paint.red("DOES NOT HOLD");
  const head: Row[] = [
    [
      "load",
      `${whole(workload.connections)} clients, ${amount(workload.receivedPerSecond)} messages/s to each of ${workload.payloadBytes} B; ${amount(workload.publishedPerSecond)} records/s`,
    ],
    [
      "instances",
      `${instances}${spare} of ${machine.name} (${machine.vcpus} vCPU, ${amount(machine.memoryGib)} GiB): ${verdict}`,
    ],
    ["shards", `${plan.shards} (${shardsPerInstance} an instance)`],
    [
      "deliveries",
      `${whole(plan.deliveriesPerSecond)}/s, ${amount(bytesPerDelivery(workload))} B each on the line`,
    ],
    ["egress", `${amount(plan.egressGbps)} Gbit/s to the clients`],
    [
      "bus",
      workload.bus === "local"
        ? "local"
        : `${workload.bus}: ${whole(workload.publishedPerSecond)} messages/s in, ${whole(workload.publishedPerSecond * plan.shards)}/s and ${amount(plan.busEgressGbps)} Gbit/s out`,
    ],
    ["room", `${whole(connectionsMax)} clients on these; then ${plan.connectionsMaxBecause}`],
    ...(lossOfOne === undefined
      ? []
      : [
          [
            "one lost",
            `${whole(lossOfOne.clients)} clients come back elsewhere, in no less than ${amount(lossOfOne.secondsMin)} s`,
          ] satisfies Row,
        ]),
    ...costRows(cost),
  ];
  const resources = plan.resources.map(({ name, of, used, limit, unit, share }) => {
    const percent = `${(share * 100).toFixed(0)} %`.padStart(7);
    const shown = share > 1 ? paint.red(percent) : share > 0.8 ? paint.yellow(percent) : percent;
    return `  ${name.padEnd(12)}${shown}  ${amount(used)} of ${amount(limit)} ${unit}, ${of === "cluster" ? "the whole cluster" : `each ${of}`}`;
  });
  return `${rows(head, paint)}

${paint.bold(`What is used${spareInstances === 0 ? "" : ", while the spare instances are away"}`)}
${resources.join("\n")}

${paint.bold("First bottleneck")}: ${firstBottleneck.name}
  → ${ADVICE[firstBottleneck.name]}
`;
}

type Row = readonly [name: string, text: string];

export function rows(lines: readonly Row[], paint: Paint): string {
  return lines.map(([name, text]) => `${paint.cyan(name.padEnd(14))}${text}`).join("\n");
}

function costRows(cost: Cost | undefined): Row[] {
  if (cost === undefined) return [];
  const { currency, perMonth, asOf, ageDays, isOld } = cost;
  const parts = (["instances", "bus", "balancer", "egress"] as const).map(
    (part) => `${part} ${whole(perMonth[part])}`,
  );
  const age = isOld ? `; these prices are ${ageDays} days old: look them up again` : "";
  return [
    ["cost", `${whole(perMonth.total)} ${currency} a month (${parts.join(", ")}), prices of ${asOf}${age}`],
  ];
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Three digits that count, and no more. */
export function amount(value: number): string {
  return value >= 1000 ? whole(value) : String(Number(value.toPrecision(3)));
}
