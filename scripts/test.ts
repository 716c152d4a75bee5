// Runs every test of the project with Bun's runner. Tests find and start the real servers that they need themselves
// (`test/services`); what can not be had is said loudly there, and again at the end, beside what was counted. So is what
// a failed test wrote: thousands of lines come behind it, and of a long output often only the end is kept.
const run = Bun.spawn([process.execPath, "test", "--timeout", "120000", ...process.argv.slice(2)], {
  stdio: ["inherit", "inherit", "pipe"],
  cwd: `${import.meta.dir}/..`,
  env: { ...process.env, ...(process.stderr.isTTY && { FORCE_COLOR: "1" }) },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => run.kill(signal));

const counts = { pass: 0, fail: 0, skip: 0 };
const missing = new Set<string>();
const FAILURES_MAX = 10;
const FAILURE_LINES_MAX = 60;
/** Of each failed test the last that was written from the end of the one before it. */
const failures: string[][] = [];
let sinceLastTest: string[] = [];

function read(line: string): void {
  const text = Bun.stripANSI(line).trim();
  sinceLastTest.push(text === "" ? "" : line);
  const [, result] = /^\((pass|fail|skip|todo)\) /.exec(text) ?? [];
  if (result === "fail" && sinceLastTest.length > 1) failures.push(sinceLastTest.slice(-FAILURE_LINES_MAX));
  // The runner names failed tests once more in its summary; nothing is written there by themselves.
  if (result !== undefined || /^\d+ tests? (failed|skipped|todo):$/.test(text)) sinceLastTest = [];
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
for (const lines of failures.slice(0, FAILURES_MAX)) console.log(`\n${lines.join("\n").trim()}`);
if (failures.length > FAILURES_MAX) console.log(`\nand ${failures.length - FAILURES_MAX} more, further up`);
if (failures.length > 0) console.log("");
for (const line of missing) console.log(line);
console.log(`${counts.pass} passed, ${failed} failed${counts.skip > 0 ? `, ${counts.skip} skipped` : ""}`);
process.exit(exitCode);
