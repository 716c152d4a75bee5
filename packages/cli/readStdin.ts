import { CommandFailure } from "./command.ts";

/** As much as a server takes in one request. */
const STDIN_BYTES_MAX = 16 * 2 ** 20;

/** All of standard input, as text. Rejects where it is too long for one message or not UTF-8. */
export async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of Bun.stdin.stream()) {
    bytes += chunk.byteLength;
    if (bytes > STDIN_BYTES_MAX)
      throw new CommandFailure(`standard input is longer than ${STDIN_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new CommandFailure("standard input is not UTF-8", { cause });
  }
}
