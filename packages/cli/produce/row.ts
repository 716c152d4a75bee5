/** One record of a file, before its key and time are looked up. */
export interface Row {
  /** For messages: `line 12`, `element 3`. */
  readonly where: string;
  /** JSON text, as it will be written to the topic. */
  readonly json: string;
  /** The same, parsed. */
  readonly value: unknown;
}

export const FORMATS = ["ndjson", "csv", "json"] as const;
export type Format = (typeof FORMATS)[number];
