/** The last millisecond of the year 9999: what lies beyond was not meant in ms. */
const TIMESTAMP_MS_MAX = 253_402_300_799_999;

/** `2001/01/01 06:55`, `2001-01-01T06:55:00.5+02:00`: a date, perhaps a time, perhaps a zone. */
const DATE =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,9})?))?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads a time: a number, or the text of one, is ms since 1970; otherwise a date, in UTC where it names no zone, so
 * that a file means the same on every machine. Undefined where it is neither.
 */
export function timestampMsOf(value: unknown): number | undefined {
  if (typeof value === "number") return inRange(Math.round(value));
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  if (/^\d{1,15}$/.test(text)) return inRange(Number(text));
  const match = DATE.exec(text);
  if (match === null) return inRange(monthFirst(text));
  const [, year, month, day, hour = "0", minute = "00", second = "00", zone = "Z"] = match;
  const iso = `${year}-${month?.padStart(2, "0")}-${day?.padStart(2, "0")}T${hour.padStart(2, "0")}:${minute}:${second}`;
  const offset = zone.toUpperCase() === "Z" ? "Z" : zone.replace(/^(.\d{2}):?/, "$1:");
  return inRange(Math.round(Date.parse(iso + offset)));
}

/** `Jan 1 2000`, as old data sets have it. */
function monthFirst(text: string): number {
  return /^[A-Za-z]{3,9}\.? \d{1,2},? \d{4}$/.test(text) ? Date.parse(`${text} UTC`) : Number.NaN;
}

function inRange(timestampMs: number): number | undefined {
  return timestampMs >= 0 && timestampMs <= TIMESTAMP_MS_MAX ? timestampMs : undefined;
}
