import { InputError } from "./inputError.ts";

/** More than any broker takes in one record by default; a file without line ends must not fill the memory. */
export const LINE_BYTES_MAX = 16 * 2 ** 20;

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines of text. Throws `InputError` where a line is too long or not UTF-8. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 1;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const take = (end: Uint8Array): Line => {
    const bytes = held.length === 0 ? end : Buffer.concat([...held, end]);
    held = [];
    heldBytes = 0;
    return { number, text: decode(decoder, bytes, number++) };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      yield take(chunk.subarray(from, at));
      from = at + 1;
    }
    if (from === chunk.length) continue;
    // Copied, because a view would pin the whole chunk.
    held.push(chunk.slice(from));
    heldBytes += chunk.length - from;
    if (heldBytes > LINE_BYTES_MAX)
      throw new InputError(`line ${number}`, `is longer than ${LINE_BYTES_MAX} bytes`);
  }
  if (heldBytes > 0) yield take(new Uint8Array());
}

function decode(decoder: TextDecoder, bytes: Uint8Array, number: number): string {
  try {
    // The decoder drops a byte order mark, which only belongs at the beginning of a file; elsewhere JSON refuses it.
    return decoder.decode(bytes).replace(/\r$/, "");
  } catch (cause) {
    throw new InputError(`line ${number}`, "is not UTF-8", { cause });
  }
}
