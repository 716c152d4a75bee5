import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "bun";
import { bundle } from "../scripts/clientPackage.ts";

/**
 * The aim was 5 KB. What is above it is resuming that repeats nothing, several addresses, tokens, policies, schemas, signals and the
 * checks of what a server sends.
 */
const GZIPPED_BYTES_MAX = 7.0 * 1024;

test("the bundle for browsers stays small, and loads nothing at once", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-bundle-"));
  try {
    await bundle(directory);
    expect(readdirSync(directory).sort()).toEqual(["client.js", "deflate.js", "mark.js"]);
    const code = readFileSync(join(directory, "client.js"), "utf8");
    expect(code).not.toMatch(/\brequire\b|\bBun\b|\bprocess\b|\bimport[{*"]|\bfrom"/);
    // Only clients of very many streams need it.
    expect(code).toContain("./mark.js");
    expect(gzipSync(code, { level: 9 }).length).toBeLessThan(GZIPPED_BYTES_MAX);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
