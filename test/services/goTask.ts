import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { reportMissing } from "./find.ts";

const VERSION = "v3.54.0";
const DIRECTORY = join(import.meta.dir, "../../.cache/go-task", VERSION);
const BUILD_MS_MAX = 600_000;

/**
 * The path of go-task, which runs Taskfile.yml: named by `SHARDCAST_TEST_TASK`, on the path, or built with Go into .cache.
 * undefined, loudly, where it can not be had.
 */
export function taskProgram(): string | undefined {
  const candidates = [process.env["SHARDCAST_TEST_TASK"], Bun.which("task"), Bun.which("go-task")];
  const found = candidates.find((path) => typeof path === "string" && path !== "" && isGoTask(path));
  const program = found ?? built();
  if (program === undefined)
    reportMissing(
      "task",
      "set SHARDCAST_TEST_TASK, or install go-task 3, or Go 1.25 with a module proxy in reach",
      false,
    );
  return program ?? undefined;
}

/** Debian's `task` is another program. */
function isGoTask(path: string): boolean {
  const { stdout, status } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  return status === 0 && /(^|\s)v?3\.\d+\.\d+/.test(stdout);
}

function built(): string | undefined {
  const program = join(DIRECTORY, "task");
  if (existsSync(program)) return program;
  if (Bun.which("go") === null) return undefined;
  console.error(`Building for the tests: go-task ${VERSION}`);
  const { status } = spawnSync("go", ["install", `github.com/go-task/task/v3/cmd/task@${VERSION}`], {
    stdio: "ignore",
    env: { ...process.env, GOBIN: DIRECTORY },
    timeout: BUILD_MS_MAX,
  });
  return status === 0 && existsSync(program) ? program : undefined;
}
