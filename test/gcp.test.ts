// The Pulumi program in deploy/gcp has packages of its own, so that nobody who only starts a server downloads them. Its types and
// tests are looked at here all the same, in processes of their own: Pulumi's runtime is one for a process.
import { beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { reportMissing } from "./services/find.ts";

const ROOT = `${import.meta.dir}/..`;
const GCP = `${ROOT}/deploy/gcp`;
const INSTALL_MS = 240_000;
const CHECK_MS = 120_000;

function isInstalled(): boolean {
  const marker = `${GCP}/node_modules/.package-lock.json`;
  return existsSync(marker) && statSync(marker).mtimeMs > statSync(`${GCP}/package-lock.json`).mtimeMs;
}

/** Once for each change of the lockfile; 9 s with npm's cache cold, 196 MB. */
function install(): boolean {
  if (isInstalled()) return true;
  console.error("Installing for the tests: the packages of deploy/gcp");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status, stderr } = spawnSync(npm, args, { cwd: GCP, encoding: "utf8", timeout: INSTALL_MS });
  if (status !== 0) reportMissing("pulumi", `\`npm ci\` in deploy/gcp failed (${stderr ?? "no npm"})`);
  return status === 0;
}

const isReady = install();

describe.skipIf(!isReady)("deploy/gcp", () => {
  beforeAll(() => {
    expect(isInstalled()).toBe(true);
  });

  test(
    "has no fault that the type checker sees",
    () => {
      expect(run(`${ROOT}/node_modules/.bin/tsc`, "-p", ".")).toEqual({ output: "", status: 0 });
    },
    CHECK_MS,
  );

  test(
    "passes its own tests",
    () => {
      const { output, status } = run(process.execPath, "test", "--timeout", "60000");
      // What failed, whole; a number, where nothing did.
      expect(status === 0 ? "" : output).toBe("");
      expect(Number(/^\s*(\d+) pass$/m.exec(output)?.[1])).toBeGreaterThan(20);
      expect(output).toMatch(/^\s*0 fail$/m);
    },
    CHECK_MS,
  );
});

function run(
  program: string,
  ...args: readonly string[]
): { readonly output: string; readonly status: number | null } {
  const { stdout, stderr, status } = spawnSync(program, args, {
    cwd: GCP,
    encoding: "utf8",
    timeout: CHECK_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { output: `${stdout}${stderr}`, status };
}
