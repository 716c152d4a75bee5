import type { Measured } from "./measured.ts";

/** A figure as docs/planning.md tells it. */
export function measuredRow(name: string, { value, unit, source }: Measured): string {
  return `| \`${name}\` | ${value.toLocaleString("en-US")} | ${unit} | ${source} |`;
}
