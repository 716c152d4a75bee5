import { InputError } from "./inputError.ts";
import { linesOf } from "./lines.ts";
import type { Row } from "./row.ts";

/** Reads one JSON value a line. Blank lines hold nothing. Throws `InputError` with the line's number. */
export async function* readNdjson(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  for await (const { number, text } of linesOf(chunks)) {
    const json = text.trim();
    if (json === "") continue;
    const where = `line ${number}`;
    yield { where, json, value: parse(json, where) };
  }
}

function parse(json: string, where: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new InputError(where, `is not JSON (${cause instanceof Error ? cause.message : String(cause)})`, {
      cause,
    });
  }
}
