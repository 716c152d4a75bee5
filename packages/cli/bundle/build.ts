// Builds what `serve` runs as a bundle: the supervisor's and the shards' code, each process loading the least that it
// needs. From the sources the same takes 18 MB more (docs/decisions/memory-of-processes.md).
//
//   bun packages/cli/bundle/build.ts [directory]
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DASHBOARD_PAGE } from "@shardcast/dashboard/page";
import { DEMO_PAGE } from "@shardcast/demo/page";
import { textsOf } from "@shardcast/server/admin/pages";
import { kafkaParts } from "./kafkaParts.ts";
import { redisParts } from "./redisParts.ts";

const packages = resolve(import.meta.dir, "../..");
const target = resolve(process.argv[2] ?? join(packages, "cli/dist"));
/** Beside what it replaces, so that it takes that one's place in one step. */
const fresh = mkdtempSync(join(dirname(target), `.${basename(target)}-`));
try {
  await Bun.build({
    entrypoints: [
      join(packages, "cli/main.ts"),
      join(packages, "cli/endWithLauncher.ts"),
      join(packages, "server/shardMain.ts"),
    ],
    outdir: fresh,
    target: "bun",
    // What is loaded on demand stays in files of its own: the drivers of buses, Kafka, the other commands.
    splitting: true,
    // A process finds the entry of another beside itself.
    naming: { entry: "[name].js", chunk: "[name]-[hash].js" },
    // Names are what a stack trace, a profile and a heap snapshot are read by.
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: "linked",
    plugins: [kafkaParts(packages), redisParts],
  });
  for (const page of [DASHBOARD_PAGE, DEMO_PAGE]) {
    const texts = textsOf(page);
    await Bun.write(join(fresh, `${page.name}.html`), await texts.html());
    await Bun.write(join(fresh, `${page.name}.js`), await texts.script());
    await Bun.write(join(fresh, `${page.name}.css`), await texts.style());
  }
  replace();
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function replace(): void {
  const old = `${fresh}-old`;
  try {
    renameSync(target, old);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  renameSync(fresh, target);
  rmSync(old, { recursive: true, force: true });
}
