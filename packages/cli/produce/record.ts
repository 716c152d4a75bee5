import { fieldOf } from "./field.ts";
import { InputError } from "./inputError.ts";
import type { Row } from "./row.ts";
import { timestampMsOf } from "./timestamp.ts";

/** One record as it goes to Kafka. */
export interface TopicRecord {
  readonly key: string | null;
  readonly value: string;
  /** When it was recorded, in ms since 1970. */
  readonly timestampMs?: number;
}

export interface RecordFields {
  readonly keyField: string | undefined;
  readonly timestampField: string | undefined;
}

/** Looks up key and time of a row. Throws `InputError` where it lacks them. */
export function recordOf(row: Row, { keyField, timestampField }: RecordFields): TopicRecord {
  return {
    key: keyField === undefined ? null : keyOf(row, keyField),
    value: row.json,
    ...(timestampField !== undefined && { timestampMs: timeOf(row, timestampField) }),
  };
}

function keyOf(row: Row, field: string): string {
  const key = fieldOf(row.value, field);
  if (typeof key === "string" && key !== "") return key;
  if (typeof key === "number" || typeof key === "boolean") return String(key);
  const found =
    key === undefined ? missing(row, field) : `${field} is ${JSON.stringify(key)}, which is no key`;
  throw new InputError(row.where, `${found}; a key is a text or a number`);
}

function timeOf(row: Row, field: string): number {
  const time = fieldOf(row.value, field);
  const timestampMs = timestampMsOf(time);
  if (timestampMs !== undefined) return timestampMs;
  const found =
    time === undefined ? missing(row, field) : `${field} is ${JSON.stringify(time)}, which is no time`;
  throw new InputError(
    row.where,
    `${found}; a time is milliseconds since 1970, or a date such as 2001-01-31T06:55Z`,
  );
}

function missing({ value }: Row, field: string): string {
  const names =
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  return names.length === 0
    ? `there is no field ${field}`
    : `there is no field ${field} (there are ${names.join(", ")})`;
}
