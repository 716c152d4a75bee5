import type { Subprocess } from "bun";

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Resolves when a program has ended, with all that it said. */
export async function finished(
  child: Subprocess<"ignore" | "pipe" | Uint8Array, "pipe", "pipe">,
): Promise<Finished> {
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}
