import { fieldOf } from "./field.ts";
import { InputError } from "./inputError.ts";
import type { Row } from "./row.ts";

/** A JSON array is read whole, at several times its size in memory. Larger files belong into NDJSON. */
const JSON_BYTES_MAX = 256 * 2 ** 20;

/**
 * Reads the elements of a JSON array, which may stand in a field of an object: `features` of GeoJSON. Throws
 * `InputError`.
 */
export async function* readJsonArray(
  chunks: AsyncIterable<Uint8Array>,
  recordsField: string | undefined,
): AsyncGenerator<Row> {
  const root = parse(await readWhole(chunks));
  const elements = recordsField === undefined ? root : fieldOf(root, recordsField);
  if (!Array.isArray(elements)) throw new InputError("the file", noArray(root, recordsField));
  for (const [index, value] of elements.entries()) {
    yield { where: `element ${index + 1}`, json: JSON.stringify(value), value };
  }
}

async function readWhole(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > JSON_BYTES_MAX) {
      throw new InputError(
        "the file",
        `is longer than ${JSON_BYTES_MAX} bytes; turn it into NDJSON, which is streamed`,
      );
    }
    parts.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch (cause) {
    throw new InputError("the file", "is not UTF-8", { cause });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fault = cause instanceof Error ? cause.message : String(cause);
    const hint = text.includes("\n{") ? "; if it has one value a line, it is --format ndjson" : "";
    throw new InputError("the file", `is not JSON (${fault})${hint}`, { cause });
  }
}

function noArray(root: unknown, recordsField: string | undefined): string {
  if (recordsField !== undefined) return `has no array in the field ${recordsField}`;
  if (typeof root !== "object" || root === null) return "holds no array";
  const arrays = Object.entries(root).filter(([, value]) => Array.isArray(value));
  const names = arrays.map(([name]) => name);
  return names.length === 0
    ? "holds an object, not an array"
    : `holds an object; say which array to take: --records-field ${names.join(" or ")}`;
}
