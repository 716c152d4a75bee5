#!/usr/bin/env node
// Runs the command on Bun, from plain Node too. Bun's binary is taken straight from its platform package: the `bun`
// package links it in an install script, and npm can be set not to run those.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { currentBundle } from "./bundle/bundle.mjs";

const require = createRequire(import.meta.url);

function platformPackages() {
  const os = { linux: "linux", darwin: "darwin", win32: "windows" }[process.platform];
  const cpu = { x64: "x64", arm64: "aarch64" }[process.arch];
  const musl =
    process.platform === "linux" && existsSync(`/lib/ld-musl-${cpu === "x64" ? "x86_64" : cpu}.so.1`);
  const base = `@oven/bun-${os}-${cpu}${musl ? "-musl" : ""}`;
  return [base, `${base}-baseline`];
}

function directoryOf(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    // Only the packages of this platform are installed; the next candidate may be.
    return undefined;
  }
}

/** The first binary that really runs: where install scripts did not, the `bun` package holds a placeholder. */
function findBun() {
  if (process.versions.bun) return process.execPath;
  const executable = process.platform === "win32" ? "bun.exe" : "bun";
  const candidates = platformPackages().map((name) => [directoryOf(name), executable]);
  for (const [directory, file] of [...candidates, [directoryOf("bun"), "bun.exe"]]) {
    const path = directory && join(directory, "bin", file);
    if (path && existsSync(path) && spawnSync(path, ["--version"]).status === 0) return path;
  }
  return spawnSync(executable, ["--version"]).status === 0 ? executable : undefined;
}

const bun = findBun();
if (bun === undefined) {
  console.error(
    `shardcast: no Bun binary for ${process.platform}/${process.arch} is installed. ` +
      "Install with optional dependencies (npm install --include=optional), or put a Bun of your own on the PATH.",
  );
  process.exit(1);
}
const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const argv = process.argv.slice(2);
const { preload, main } = (argv[0] === "serve" && currentBundle()) || {
  preload: fileOf("endWithLauncher.ts"),
  main: fileOf("main.ts"),
};
const child = spawn(bun, ["--preload", preload, main, ...argv], {
  // By its channel the child notices when this process is killed.
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  env: { ...process.env, SHARDCAST_LAUNCHED_BY: process.env.npm_command === "exec" ? "npx" : "bin.mjs" },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
