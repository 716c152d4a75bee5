import { spawn } from "node:child_process";

/** Beyond it the output's beginning is dropped: a sample that goes wrong may write without end. */
const OUTPUT_CHARACTERS_MAX = 1_000_000;

/** A command under way, and what it has written so far. */
export interface Terminal {
  readonly command: string;
  /** Whether it has ended well (exit code 0). */
  readonly ended: Promise<boolean>;
  output(): string;
  /** Resolves with whether the text came, on the outputs that are watched, as opposed to an end without it. */
  shows(text: string): Promise<boolean>;
  /** Ends it and all that it has started. */
  close(): Promise<void>;
}

export interface TerminalOptions {
  readonly cwd: string;
  readonly command: string;
  /** Where `shows` looks. A script that throws has its own source on stderr, which is not what it was to show. */
  readonly watched: "stdout" | "both";
}

/**
 * Runs a script in bash, in a process group of its own. It watches a pipe of ours, which closes when this process dies,
 * however it dies, and kills the whole group then.
 */
export function openTerminal(script: string, { cwd, command, watched }: TerminalOptions): Terminal {
  const child = spawn("bash", ["-c", `${WATCH}\n${script}`], {
    cwd,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  let shown = "";
  const waiting = new Set<() => void>();
  const take = (chunk: Buffer, isWatched: boolean) => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    if (isWatched) shown = (shown + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    for (const look of waiting) look();
  };
  child.stdout.on("data", (chunk: Buffer) => take(chunk, true));
  child.stderr.on("data", (chunk: Buffer) => take(chunk, watched === "both"));
  const ended = new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false));
    // Not `exit`: what it wrote last may not have been read then.
    child.once("close", (code) => resolve(code === 0));
  });
  return {
    command,
    ended,
    output: () => output,
    async shows(text) {
      const coming = new Promise<void>((resolve) => {
        const look = () => {
          if (!shown.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
      await Promise.race([coming, ended]);
      return shown.includes(text);
    },
    async close() {
      signalGroup(child.pid, "SIGTERM");
      const timer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), 8_000);
      await ended;
      clearTimeout(timer);
      child.stdin.end();
    },
  };
}

const WATCH = `set -euo pipefail
exec 3<&0 </dev/null
{ trap "" TERM; cat <&3; kill -9 -$$; } >/dev/null 2>&1 &
exec 3<&-`;

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // All of it has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
