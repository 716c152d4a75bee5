import { pipeline, Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { InputError } from "./inputError.ts";
import { LINE_BYTES_MAX } from "./lines.ts";
import type { Row } from "./row.ts";

/**
 * Reads CSV with a header line; each record becomes a JSON object. All values are texts, as CSV has no types, except
 * those of `numberFields`. Throws `InputError` with the line's number.
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  numberFields: readonly string[],
): AsyncGenerator<Row> {
  const numbers = new Set(numberFields);
  const parser = parse({
    bom: true,
    columns: (header: string[]) => checkHeader(header, numbers),
    info: true,
    record_delimiter: ["\r\n", "\n", "\r"],
    skip_empty_lines: true,
    max_record_size: LINE_BYTES_MAX,
  });
  // Unlike `pipe`, this carries an error of the file to the parser, and the parser's end back to the file. The error
  // itself comes out of the loop below.
  pipeline(Readable.from(chunks), parser, () => undefined);
  try {
    for await (const entry of parser) {
      // What `columns` and `info` make of each record, by the parser's documentation.
      const { record, info } = entry as { record: Record<string, string>; info: { lines: number } };
      const where = `line ${info.lines}`;
      const value = withNumbers(record, numbers, where);
      yield { where, json: JSON.stringify(value), value };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The parser's own message names the line.
    throw new InputError("the file", `is not CSV with a header line (${error.message})`, { cause: error });
  }
}

function checkHeader(header: readonly string[], numbers: ReadonlySet<string>): string[] {
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw new InputError("line 1", `two columns are called ${JSON.stringify(twice)}`);
  const missing = [...numbers].find((name) => !header.includes(name));
  if (missing === undefined) return [...header];
  throw new InputError("line 1", `has no column ${JSON.stringify(missing)}; there are ${header.join(", ")}`);
}

function withNumbers(
  record: Readonly<Record<string, string>>,
  numbers: ReadonlySet<string>,
  where: string,
): Record<string, string | number | null> {
  const result: Record<string, string | number | null> = { ...record };
  for (const name of numbers) {
    const text = record[name]?.trim() ?? "";
    const value = Number(text);
    if (text !== "" && !Number.isFinite(value)) {
      throw new InputError(where, `${name} is ${JSON.stringify(text)}, which is no number`);
    }
    result[name] = text === "" ? null : value;
  }
  return result;
}
