// The bundle that `serve` runs (see build.ts), and whether it is that of the sources beside it. Plain JavaScript: the
// launchers ask, before there is a Bun to ask with.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const packages = dirname(dirname(here));
const bundle = join(packages, "cli", "dist");
/** Written last: a build that was cut off has none. */
const stamp = join(bundle, ".sources");

/** What to run for `serve`: the bundle's entry and preload, or undefined where the sources are to be run. */
export function currentBundle() {
  const isCurrent = existsSync(stamp) && readFileSync(stamp, "utf8") === sourcesState();
  return isCurrent
    ? { preload: join(bundle, "endWithLauncher.js"), main: join(bundle, "main.js") }
    : undefined;
}

/** Builds it where it is missing or of other sources; where that fails it says so, and the sources serve as well. */
export function ensureBundle(bun) {
  const state = sourcesState();
  const current = currentBundle();
  if (current !== undefined) return current;
  const done = spawnSync(bun, [join(here, "build.ts"), bundle], { encoding: "utf8" });
  if (done.status === 0) {
    writeFileSync(stamp, state);
    return currentBundle();
  }
  const why = done.error?.message ?? (done.stderr.trim() || `exit code ${done.status}`);
  console.error(
    `shardcast: the bundle could not be built, so the sources run, with more memory for each process: ${why}`,
  );
  return undefined;
}

/** Of every source that a bundle can hold, and of the versions of what they import. */
function sourcesState() {
  const hash = createHash("sha256");
  const isSource = (file) => /\.(tsx?|mjs|html|css)$/.test(file) && !/\.(test|fixture)\.ts$/.test(file);
  for (const name of readdirSync(packages).sort()) {
    const directory = join(packages, name);
    if (!existsSync(join(directory, "package.json"))) continue;
    const files = readdirSync(directory, { recursive: true }).filter(
      (file) => isSource(file) && !/^(node_modules|dist)\b/.test(file),
    );
    for (const file of [...files.sort(), "package.json"]) {
      hash.update(`${name}/${file}\n`).update(readFileSync(join(directory, file)));
    }
  }
  const lock = join(dirname(packages), "package-lock.json");
  if (existsSync(lock)) hash.update(readFileSync(lock));
  return hash.digest("hex");
}
