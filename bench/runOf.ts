import { spawnSync } from "node:child_process";

/** By which the figures of a run are found again: its day and the commit that it measured. */
export interface RunName {
  /** In UTC. */
  readonly date: string;
  /** Short; with `+` where files differed from it, `unknown` where there is no Git. */
  readonly commit: string;
}

export function runOf(directory: string = import.meta.dir): RunName {
  const git = (...args: readonly string[]) => spawnSync("git", args, { cwd: directory, encoding: "utf8" });
  const { status, stdout } = git("rev-parse", "--short", "HEAD");
  const isChanged = status === 0 && git("status", "--porcelain", "--untracked-files=no").stdout !== "";
  const commit = status === 0 ? `${stdout.trim()}${isChanged ? "+" : ""}` : "unknown";
  return { date: new Date().toISOString().slice(0, 10), commit };
}

/** As pages write it. */
export function runText({ date, commit }: RunName): string {
  return `${date}, commit ${commit}`;
}
