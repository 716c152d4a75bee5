// Runs a TypeScript file of this project on Bun, installing the project's packages first where that has not
// happened. It runs on plain Node (or Bun) with nothing installed, so that `npm start` is the only command a
// fresh clone needs. Bun's binary is taken straight from its platform package: the `bun` package links it in an
// install script, and npm can be set not to run those.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBundle } from "../packages/cli/bundle/bundle.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function installedIsCurrent() {
  const stamp = join(root, "node_modules", ".shardcast-installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockState()) return true;
  // Whoever ran npm by hand needs no second install; npm writes this file at the end of each.
  const changedMs = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return changedMs("node_modules/.package-lock.json") > changedMs("package-lock.json");
}

function lockState() {
  const lock = join(root, "package-lock.json");
  return existsSync(lock) ? createHash("sha256").update(readFileSync(lock)).digest("hex") : "no lock file";
}

function install() {
  console.error("shardcast: installing packages (once) …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const command = existsSync(join(root, "package-lock.json")) ? "ci" : "install";
  let done = spawnSync(npm, [command, "--no-audit", "--no-fund"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.error && process.versions.bun) {
    done = spawnSync(process.execPath, ["install", "--ignore-scripts", "--no-save"], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
  }
  if (done.error || done.status !== 0) {
    console.error(
      `shardcast: installing packages failed (${done.error?.message ?? `exit code ${done.status}`}). See the lines above.`,
    );
    process.exit(1);
  }
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(join(root, "node_modules", ".shardcast-installed"), lockState());
}

function platformPackages() {
  const os = { linux: "linux", darwin: "darwin", win32: "windows" }[process.platform];
  const cpu = { x64: "x64", arm64: "aarch64" }[process.arch];
  const musl =
    process.platform === "linux" && existsSync(`/lib/ld-musl-${cpu === "x64" ? "x86_64" : cpu}.so.1`);
  const base = `bun-${os}-${cpu}${musl ? "-musl" : ""}`;
  return [base, `${base}-baseline`];
}

/** The first of the platform's Bun binaries that really runs. The `bun` package's install script, where it ran, has
 *  moved the binary out of the platform package; where it did not, `bun/bin` holds a placeholder that fails. */
function findBun() {
  if (process.versions.bun) return process.execPath;
  const executable = process.platform === "win32" ? "bun.exe" : "bun";
  const modules = join(root, "node_modules");
  const candidates = platformPackages().map((name) => join(modules, "@oven", name, "bin", executable));
  for (const path of [...candidates, join(modules, "bun", "bin", "bun.exe")]) {
    if (existsSync(path) && spawnSync(path, ["--version"]).status === 0) return path;
  }
  return undefined;
}

if (!installedIsCurrent()) install();
const bun = findBun();
if (bun === undefined) {
  console.error(
    `shardcast: no Bun binary for ${process.platform}/${process.arch} among node_modules/@oven. ` +
      "Install with optional dependencies (npm ci --include=optional), or run the script with a Bun of your own.",
  );
  process.exit(1);
}
/** A server runs for long and as several processes: it is worth a bundle, which makes each of them smaller. */
function program([main, ...argv]) {
  const bundled = main === "packages/cli/main.ts" && argv[0] === "serve" ? ensureBundle(bun) : undefined;
  const preload = bundled?.preload ?? join(root, "packages", "cli", "endWithLauncher.ts");
  return ["--preload", preload, bundled?.main ?? main, ...argv];
}

const child = spawn(bun, program(process.argv.slice(2)), {
  // By its channel the child notices when this process is killed.
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  env: { ...process.env, SHARDCAST_LAUNCHED_BY: "run.mjs" },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
