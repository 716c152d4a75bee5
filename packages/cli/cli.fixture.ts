import { type Finished, finished } from "../../test/services/finished.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly program?: readonly string[];
}

/** Runs `shardcast` as a user would, with no variables but those given, to its end. */
export async function shardcast(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return await finished(start(args, options));
}

/** Starts `shardcast` and leaves it running. */
export function start(args: readonly string[], { env = {}, stdin, program }: RunOptions = {}) {
  return Bun.spawn([...(program ?? [process.execPath, MAIN]), ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdin: new TextEncoder().encode(stdin ?? ""),
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Starts `shardcast` with an input to which the test may write, and which stays open. */
export function startWithOpenInput(args: readonly string[]) {
  const env = { PATH: process.env["PATH"] ?? "" };
  return Bun.spawn([process.execPath, MAIN, ...args], { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
}

/** Reads on until the text is there, or the stream ends, and returns all that has come. */
export async function readUntil(stream: ReadableStream<Uint8Array>, wanted: string): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (!text.includes(wanted)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    reader.releaseLock();
  }
  return text;
}

/** Reads on until `count` lines have come, or the stream ends. */
export async function readLines(stream: ReadableStream<Uint8Array>, count: number): Promise<string[]> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (text.split("\n").length <= count) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    reader.releaseLock();
  }
  return text.split("\n").slice(0, count);
}
