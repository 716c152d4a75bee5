/** For what is not known. */
export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** `12,345`, and `1.23M` from a hundred thousand on. */
export function count(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  return value >= 100_000 ? compact.format(value) : whole.format(value);
}

/** `0.4`, `12`, `12,345`, `1.23M`. */
export function rate(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

/** `0.8 ms`, `120 ms`, `4.2 s`. */
export function duration(ms: number | null | undefined): string {
  if (ms == null) return UNKNOWN;
  if (ms === 0) return "0 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : span(ms);
}

/** `42 s`, `12 min`, `3 h`, `9 d`. */
export function span(ms: number): string {
  const steps = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
  ] as const;
  const [size, unit] = steps.find(([size]) => ms >= 2 * size) ?? [1000, "s"];
  return `${Math.round(ms / size)} ${unit}`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  const power = value < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 2 ** (10 * power);
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${BYTE_UNITS[power]}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString("en-GB");
}
