import { readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";

/** What settings are derived from where nobody gave them. */
export interface Machine {
  readonly hostname: string;
  readonly cores: number;
  readonly processId: number;
  /** Whether somebody reads along. */
  readonly isTerminal: boolean;
}

/** Everything that a process is told from outside. This is the only file that reads the environment. */
export interface Environment {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
  readonly machine: Machine;
  /** Whether output to each may carry colours: on a terminal, and where `NO_COLOR` is not set. */
  readonly colors: { readonly stdout: boolean; readonly stderr: boolean };
}

export function readEnvironment(): Environment {
  const isColorWanted = !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  return {
    argv: process.argv.slice(2),
    env: { ...process.env },
    readFile: (path) => readFileSync(path, "utf8"),
    machine: thisMachine(),
    colors: {
      stdout: isColorWanted && process.stdout.isTTY === true,
      stderr: isColorWanted && process.stderr.isTTY === true,
    },
  };
}

export function thisMachine(): Machine {
  return {
    hostname: hostname(),
    cores: availableParallelism(),
    processId: process.pid,
    isTerminal: process.stdout.isTTY === true,
  };
}
