import { addAbortSignal } from "node:stream";
import { CommandFailure } from "./command.ts";

/** As much as a server takes in one request. */
const STDIN_BYTES_MAX = 16 * 2 ** 20;

/** All of standard input, as text. Rejects where it is too long for one message or not UTF-8, or when it is to end. */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const bytes = await readBytes(signal).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CommandFailure("standard input is not UTF-8", { cause });
  }
}

async function readBytes(signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const input: AsyncIterable<Uint8Array> = addAbortSignal(signal, process.stdin);
  for await (const chunk of input) {
    bytes += chunk.byteLength;
    if (bytes > STDIN_BYTES_MAX)
      throw new CommandFailure(`standard input is longer than ${STDIN_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
