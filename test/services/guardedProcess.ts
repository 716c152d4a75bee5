import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";

export interface GuardedProcess {
  /** The process itself, not its guard. */
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Asks it to end, and ends it by force when it has not within `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

// The shell watches a pipe whose other end is ours: it closes when we die, however we die, and then the shell kills
// the service. So no test run leaves a broker behind, not even one ended by SIGKILL.
const GUARD = `
directory=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
echo "$child"
{
  cat <&3 >/dev/null
  trap "" TERM
  kill -9 "$child"
  while kill -0 "$child"; do sleep 0.1; done
  if [ -n "$directory" ]; then rm -rf "$directory"; fi
} >/dev/null 2>&1 3<&3 &
guard=$!
exec 3<&-
wait "$child"
kill "$guard" 2>/dev/null
exit 0
`;

export interface GuardOptions {
  /** Where the service's output goes. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A folder that is removed as well when this process dies before it has stopped the service. */
  readonly directory?: string;
}

/** Starts a service that dies with this process. */
export async function startGuarded(
  command: readonly string[],
  options: GuardOptions,
): Promise<GuardedProcess> {
  const shell = spawn("sh", ["-c", GUARD, "sh", options.directory ?? "", ...command], {
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C in a terminal is for us: we end the service in order, and its guard must live to see us die.
    detached: true,
    env: { ...process.env, ...options.env },
  });
  const exited = new Promise<void>((resolve) => {
    shell.once("exit", () => resolve());
    shell.once("error", () => resolve());
  });
  const pid = await firstLine(shell, exited, options.logFile);
  // A service must not keep a finished test process alive.
  shell.unref();
  return {
    pid,
    exited,
    signal: (signal) => signalQuietly(pid, signal),
    stop: async (graceMs = 10_000) => {
      signalQuietly(pid, "SIGTERM");
      const timer = setTimeout(() => signalQuietly(pid, "SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It may have ended by itself in between.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function firstLine(shell: ChildProcess, exited: Promise<void>, logFile: string): Promise<number> {
  const append = (chunk: Buffer | string) => {
    // What a service says last may come after `stop`, when its folder is gone; nobody looks for it any more.
    if (existsSync(dirname(logFile))) appendFileSync(logFile, chunk);
  };
  shell.stderr?.on("data", append);
  const stdout = shell.stdout;
  if (stdout === null) throw new Error("the guard has no output");
  const lines = createInterface({ input: stdout });
  const pid = new Promise<number>((resolve) => {
    lines.once("line", (line) => {
      resolve(Number(line));
      lines.on("line", (next) => append(`${next}\n`));
    });
  });
  const failed = exited.then(() => {
    throw new Error(`the service did not start: see ${logFile}`);
  });
  return await Promise.race([pid, failed]);
}
