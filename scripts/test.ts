// Runs every test of the project with Bun's runner. Tests find and start the real servers that they need themselves
// (`test/services`); what can not be had is said loudly there.
const run = Bun.spawnSync([process.execPath, "test", "--timeout", "120000", ...process.argv.slice(2)], {
  stdio: ["inherit", "inherit", "pipe"],
  cwd: `${import.meta.dir}/..`,
});
const report = run.stderr.toString();
process.stderr.write(report);
const count = (word: string): number =>
  Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(report)?.[1] ?? 0);
const failed = count("fail") + (run.exitCode === 0 || count("fail") > 0 ? 0 : 1);
console.log(`${count("pass")} passed, ${failed} failed, ${count("skip")} skipped`);
process.exit(run.exitCode ?? 1);
