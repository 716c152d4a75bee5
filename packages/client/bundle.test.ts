import { expect, test } from "bun:test";
import { gzipSync } from "bun";

/** The aim was 5 KB; correct resuming took about 1 KB more, tokens 370 bytes, a place for other encodings 190, policies 100, moves between addresses 60. */
const GZIPPED_BYTES_MAX = 7.5 * 1024;

test("the bundle for browsers stays small and imports nothing", async () => {
  const build = await Bun.build({
    entrypoints: [`${import.meta.dir}/client.ts`],
    minify: true,
    target: "browser",
  });
  expect(build.outputs).toHaveLength(1);
  const code = await build.outputs[0]?.text();
  expect(code).not.toMatch(/\bimport\b|\brequire\b|\bBun\b|\bprocess\b/);
  expect(gzipSync(code ?? "").length).toBeLessThan(GZIPPED_BYTES_MAX);
});
