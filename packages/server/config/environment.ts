import { readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { openFilesMax } from "../supervisor/hostLimits.ts";
import { isColorWanted } from "./colorWanted.ts";

/** What settings are derived from where nobody gave them. */
export interface Machine {
  readonly hostname: string;
  readonly cores: number;
  readonly processId: number;
  /** Files that one process may open; Infinity where there is no limit. */
  readonly openFilesMax: number;
  /** Whether somebody reads along. */
  readonly isTerminal: boolean;
}

/** Everything that a process is told from outside. This is the only file that reads the environment. */
export interface Environment {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
  /** Whether output to each may carry colours. */
  readonly colors: { readonly stdout: boolean; readonly stderr: boolean };
}

export function readEnvironment(): Environment {
  return {
    argv: process.argv.slice(2),
    env: { ...process.env },
    readFile: (path) => readFileSync(path, "utf8"),
    colors: {
      stdout: isColorWanted(process.env, process.stdout.isTTY === true),
      stderr: isColorWanted(process.env, process.stderr.isTTY === true),
    },
  };
}

export function thisMachine(): Machine {
  return {
    hostname: hostname(),
    cores: availableParallelism(),
    processId: process.pid,
    openFilesMax: openFilesMax(),
    isTerminal: process.stdout.isTTY === true,
  };
}
