import { expect, test } from "bun:test";
import { gzipSync } from "bun";

const GZIPPED_BYTES_MAX = 7.5 * 1024;

test("the bundle for browsers stays small, and needs nothing but what it loads later", async () => {
  const build = await Bun.build({
    entrypoints: [`${import.meta.dir}/client.ts`],
    minify: true,
    splitting: true,
    target: "browser",
  });
  const entry = build.outputs.find(({ kind }) => kind === "entry-point");
  const code = (await entry?.text()) ?? "";
  // Its own piece for clients of more than a hundred streams, and what that piece shares with it.
  expect(build.outputs.length).toBeLessThanOrEqual(3);
  expect(code).not.toMatch(/\brequire\b|\bBun\b|\bprocess\b/);
  expect(code.length).toBeGreaterThan(0);
  let bytes = gzipSync(code).length;
  for (const { path, kind } of build.outputs) {
    // What is imported at once is a part of it, in whatever file it lies.
    const name = path.split("/").at(-1) ?? "";
    const isAtOnce = kind === "chunk" && new RegExp(`from"[^"]*${name}"`).test(code);
    if (isAtOnce)
      bytes += gzipSync((await build.outputs.find((each) => each.path === path)?.text()) ?? "").length;
  }
  expect(bytes).toBeLessThan(GZIPPED_BYTES_MAX);
});
