import { readCsv } from "./csv.ts";
import { readJsonArray } from "./jsonArray.ts";
import { readNdjson } from "./ndjson.ts";
import type { Format, Row } from "./row.ts";

export interface ReadOptions {
  readonly format: Format;
  /** JSON only: where the array stands. */
  readonly recordsField: string | undefined;
  /** CSV only: columns that hold numbers. */
  readonly numberFields: readonly string[];
}

export function readRows(chunks: AsyncIterable<Uint8Array>, options: ReadOptions): AsyncIterable<Row> {
  switch (options.format) {
    case "ndjson":
      return readNdjson(chunks);
    case "csv":
      return readCsv(chunks, options.numberFields);
    case "json":
      return readJsonArray(chunks, options.recordsField);
  }
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".csv": "csv",
  ".json": "json",
  ".geojson": "json",
};

/** The format that a file's name promises. */
export function formatOf(path: string): Format | undefined {
  const extension = /\.[a-z]+$/.exec(path.toLowerCase())?.[0] ?? "";
  return Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
}
