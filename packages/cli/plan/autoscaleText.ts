import type { Paint } from "../paint.ts";
import { amount, rows, whole } from "./planText.ts";
import type { Preset } from "./presets.ts";
import type { Change, Day, DayOptions } from "./simulateDay.ts";

export interface Compared extends Pick<Preset, "name" | "why"> {
  readonly day: Day;
}

const CHANGES_SHOWN = 12;
const CELL = 15;
const BLOCKS = [..."▁▂▃▄▅▆▇█"];

/** A simulated day for a person, beside the same day with other settings. */
export function dayText(
  day: Day,
  others: readonly Compared[],
  { curve, autoscaler }: DayOptions,
  paint: Paint,
): string {
  const { signal, cpuTarget, connectionsTarget, stabilizationSeconds, warmUpSeconds, drainSeconds } =
    autoscaler;
  const clients = day.samples.map((sample) => sample.clients);
  const instances = day.samples.map((sample) => sample.instances);
  const head = rows(
    [
      [
        "load",
        `${whole(Math.min(...clients))} to ${whole(Math.max(...clients))} clients over a day, ± ${amount(curve.rippleShare * 100)} % within ${amount(curve.rippleMinutes)} minutes`,
      ],
      [
        "settings",
        `${signal}: CPU ${percent(cpuTarget)}, connections ${percent(connectionsTarget)}; stabilization ${stabilizationSeconds} s, warm-up ${warmUpSeconds} s, drain ${drainSeconds} s`,
      ],
      [
        "instances",
        `${Math.min(...instances)} to ${day.instancesMost}, ${whole(day.instanceHours)} hours in all; as many as the most all day long would be ${day.instancesMost * 24}`,
      ],
      ["sent away", `${whole(day.moved)} clients by drains`],
      [
        "no room",
        `${whole(day.refusedClientSeconds)} client-seconds without an instance; shards without a free core for ${amount(day.saturatedMinutes)} minutes`,
      ],
    ],
    paint,
  );
  const table = [{ name: "as asked", why: "", day }, ...others].map((row) => tableRow(row, paint));
  return `${head}

  clients    ${line(clients)}
  instances  ${line(instances)}
             ${hours(day.samples.length)}

${changesText(day)}
${verdict(day, paint)}

${paint.bold("The same day with other settings")}
  ${"".padEnd(30)}${["changes", "flaps", "hours", "sent away", "no room"].map((name) => name.padStart(CELL)).join("")}
${table.join("\n")}
`;
}

function verdict(day: Day, paint: Paint): string {
  if (!day.isFlapping)
    return paint.green(`steady: ${day.flaps.length} changes were taken back within an hour`);
  const advice =
    "  → a longer --stabilization-seconds than the load's ups and downs, a smaller --scale-in-max, or --signal both";
  return `${paint.red(`FLAPS: ${day.flaps.length} changes were taken back within an hour, and each sends clients away`)}\n${advice}`;
}

function tableRow({ name, why, day }: Compared, paint: Paint): string {
  const cells = [
    day.changes.length,
    day.flaps.length,
    day.instanceHours,
    day.moved,
    day.refusedClientSeconds,
  ].map((value) => whole(value).padStart(CELL));
  const shown = day.isFlapping
    ? paint.red("  flaps  ")
    : day.refusedClientSeconds > 0
      ? paint.yellow("  no room")
      : paint.green("  steady ");
  return `  ${name.padEnd(30)}${cells.join("")}${shown}${why === "" ? "" : paint.dim(`  ${why}`)}`;
}

function changesText(day: Day): string {
  const taken = (change: Change) => (day.flaps.includes(change) ? "  ← takes the last one back" : "");
  const lines = day.changes
    .slice(0, CHANGES_SHOWN)
    .map((change) => `  ${clock(change.atSeconds)}  ${change.from} → ${change.to}${taken(change)}`);
  const more = day.changes.length - lines.length;
  return [...lines, ...(more > 0 ? [`  … and ${more} more`] : [])].map((one) => `${one}\n`).join("");
}

function line(values: readonly number[]): string {
  const most = Math.max(...values);
  return everyOther(values)
    .map((value) => BLOCKS[Math.min(BLOCKS.length - 1, Math.floor((value / most) * BLOCKS.length))])
    .join("");
}

function everyOther<T>(values: readonly T[]): T[] {
  return values.filter((_, index) => index % 2 === 0);
}

/** Marks under the lines above, one for each six hours. */
function hours(samples: number): string {
  const quarter = samples / 2 / 4;
  return ["00:00", "06:00", "12:00", "18:00"].map((text) => text.padEnd(quarter)).join("");
}

function clock(atSeconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${two(atSeconds / 3600)}:${two((atSeconds / 60) % 60)}`;
}

function percent(share: number): string {
  return `${amount(share * 100)} %`;
}
