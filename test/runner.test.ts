import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RUNNER = join(import.meta.dir, "..", "scripts", "test.ts");

async function withTest(source: string, use: (path: string, directory: string) => Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  try {
    const path = join(directory, "one.test.ts");
    writeFileSync(path, `import { existsSync } from "node:fs";\nimport { test } from "bun:test";\n${source}`);
    await use(path, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function run(path: string) {
  return Bun.spawn([process.execPath, RUNNER, path], { stdout: "pipe", stderr: "pipe" });
}

test("what tests write is shown while they run, and the last line counts them", async () => {
  const waits = `test("waits", async () => {
    console.error("it runs");
    while (!existsSync(import.meta.dir + "/go")) await Bun.sleep(10);
  });`;
  await withTest(waits, async (path, directory) => {
    const child = run(path);
    const shown = child.stderr.getReader();
    const decoder = new TextDecoder();
    for (let text = ""; !text.includes("it runs"); ) {
      const { value, done } = await shown.read();
      if (done) throw new Error(`ended without it: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
    writeFileSync(join(directory, "go"), "");
    const output = await new Response(child.stdout).text();
    expect(output).toEndWith("1 passed, 0 failed\n");
    expect(await child.exited).toBe(0);
  });
});

test("a service that is missing is told once more at the end, and why", async () => {
  const skips = `import { reportMissing } from ${JSON.stringify(join(import.meta.dir, "services", "find.ts"))};
    for (let i = 0; i < 2; i++) reportMissing("imaginary", "imagine it");
    test.skipIf(true)("needs it", () => {});
    test("fails", () => { throw new Error("on purpose"); });`;
  await withTest(skips, async (path) => {
    const { SHARDCAST_REQUIRE_SERVICES: _, ...env } = process.env;
    const child = Bun.spawn([process.execPath, RUNNER, path], { env, stdout: "pipe", stderr: "pipe" });
    const [output] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect(output).toEndWith(
      "*** SKIPPED: The service imaginary is not available: imagine it. Tests that need it do not run. ***\n" +
        "0 passed, 1 failed, 1 skipped\n",
    );
    expect(await child.exited).toBe(1);
  });
});

test("what a failed test wrote comes once more at the end, and nothing of those that passed", async () => {
  const fails = `test("passes", () => console.error("said by", "the first"));
    test("fails", () => { console.error("said by", "the second"); throw new Error("on purpose"); });
    test("passes as well", () => console.error("said by", "the third"));`;
  await withTest(fails, async (path) => {
    const child = run(path);
    const [output] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    const end = Bun.stripANSI(output);
    expect(end).toContain("said by the second");
    expect(end).toContain("on purpose");
    expect(end).not.toContain("said by the first");
    expect(end).not.toContain("said by the third");
    expect(end.match(/\(fail\)/g)).toHaveLength(1);
    expect(end).toEndWith("2 passed, 1 failed\n");
  });
});
