// What pages without a build load: small, and with mangled names, which nobody outside may notice.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "bun";
import { bundle } from "../scripts/clientPackage.ts";

/** Of what a page loads at once, `client.js`. docs/decisions/sdk-size.md says what it is made of. */
const GZIPPED_BYTES_MAX = 5 * 1024;

const ROOT = join(import.meta.dir, "..");

let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "shardcast-bundle-"));
  await bundle(directory);
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(file: string): string {
  return readFileSync(join(directory, file), "utf8");
}

test("it stays small, and loads nothing at once", () => {
  expect(readdirSync(directory).sort()).toEqual(["access.js", "client.js", "deflate.js", "mark.js"]);
  const code = read("client.js");
  const { imports } = new Bun.Transpiler().scan(code);
  expect(imports.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
    "dynamic-import ./access.js",
    "dynamic-import ./mark.js",
  ]);
  expect(code).not.toMatch(/\brequire\b|\bBun\b|\bprocess\b/);
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(GZIPPED_BYTES_MAX);
});

test("what is loaded later loads nothing further, and has no second copy of what must be one", () => {
  for (const file of ["access.js", "deflate.js", "mark.js"]) {
    expect(new Bun.Transpiler().scan(read(file)).imports).toEqual([]);
    expect(read(file)).not.toContain("ShardcastError");
  }
});

test("names within it are mangled, those that others know are not", () => {
  const code = read("client.js");
  const inner = ["recipients", "closeWithin", "deliveryPolicy", "resumeFrom"];
  expect(inner.filter((name) => code.includes(name))).toEqual([]);
  // Of options, of events, of messages, of the platform, and of what is loaded later.
  const outer = [
    "queueMax",
    "isAvailable",
    "delayMs",
    "pingIntervalMs",
    "revoked",
    "throwIfAborted",
    "isRenewable",
  ];
  expect(outer.filter((name) => !code.includes(name))).toEqual([]);
});

test("every test of the SDK holds for it", async () => {
  const child = Bun.spawn(
    [process.execPath, "test", "--preload", "./test/clientBundle/preload.ts", "packages/client"],
    {
      cwd: ROOT,
      env: { ...process.env, SHARDCAST_TEST_BUNDLE: directory },
      stderr: "pipe",
      stdout: "ignore",
    },
  );
  const output = await new Response(child.stderr).text();
  expect([await child.exited, output.match(/^\(fail\).*$/gm) ?? []]).toEqual([0, []]);
  expect(output).toContain("tested the bundle");
}, 120_000);
