// Runs every test of the project with Bun's runner. Tests find and start the real servers that they need themselves
// (`test/services`); what can not be had is said loudly there, and again at the end, beside what was counted.
const run = Bun.spawn([process.execPath, "test", "--timeout", "120000", ...process.argv.slice(2)], {
  stdio: ["inherit", "inherit", "pipe"],
  cwd: `${import.meta.dir}/..`,
  env: { ...process.env, ...(process.stderr.isTTY && { FORCE_COLOR: "1" }) },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => run.kill(signal));

const counts = { pass: 0, fail: 0, skip: 0 };
const missing = new Set<string>();

function read(line: string): void {
  const text = Bun.stripANSI(line).trim();
  const [, number, word] = /^(\d+) (pass|fail|skip)$/.exec(text) ?? [];
  if (word === "pass" || word === "fail" || word === "skip") counts[word] = Number(number);
  if (text.startsWith("*** SKIPPED: ")) missing.add(text);
}

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of run.stderr) {
  process.stderr.write(chunk);
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) read(line);
}
read(rest);
const exitCode = await run.exited;

// A runner that ended badly without naming a test, as one that was killed, has failed as well.
const failed = counts.fail === 0 && exitCode !== 0 ? 1 : counts.fail;
for (const line of missing) console.log(line);
console.log(`${counts.pass} passed, ${failed} failed${counts.skip > 0 ? `, ${counts.skip} skipped` : ""}`);
process.exit(exitCode);
