// Everything that CI runs, in one command: types, lint and format, tests. `--static` leaves out the tests. Markdown is
// wrapped by hand, so Biome leaves it alone.
const root = `${import.meta.dir}/..`;
const steps: ReadonlyArray<readonly [name: string, command: readonly string[]]> = [
  ["types", ["node_modules/.bin/tsc", "--noEmit", "-p", "."]],
  ["lint", ["node_modules/.bin/biome", "check", "."]],
  ...(process.argv.includes("--static") ? [] : [["tests", [process.execPath, "scripts/test.ts"]] as const]),
];
for (const [name, command] of steps) {
  console.log(`— ${name}`);
  const step = Bun.spawn([...command], { cwd: root, stdio: ["inherit", "inherit", "inherit"] });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => step.kill(signal));
  const exitCode = await step.exited;
  if (exitCode !== 0) {
    console.error(`check: ${name} failed (exit code ${exitCode})`);
    process.exit(1);
  }
}
