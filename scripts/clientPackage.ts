import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

const ROOT = join(import.meta.dir, "..");
const SOURCE = join(ROOT, "packages", "client");

/**
 * Builds the SDK as it is published: modules and their types for bundlers, Node and Bun, and in `browser/` the same,
 * minified, for pages without a build. The protocol lies beside it, so that the package depends on nothing.
 */
export async function buildClientPackage(directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  compile(directory);
  await bundle(join(directory, "browser"));
  const { name, version, license } = JSON.parse(
    readFileSync(join(SOURCE, "package.json"), "utf8"),
  ) as Manifest;
  const manifest = { name, version, license, ...PUBLISHED };
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  cpSync(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
  // Pages of the repository are no part of the package.
  const readme = readFileSync(join(SOURCE, "README.md"), "utf8").replace(
    /\[([^\]]+)\]\(\.\.\/[^)]*\)/g,
    "$1",
  );
  writeFileSync(join(directory, "README.md"), readme);
}

/** Packs what was built, and returns the path of the archive. */
export function packClientPackage(directory: string, into: string): string {
  const packed = run("npm", ["pack", "--json", "--pack-destination", into], directory);
  const [{ filename }] = JSON.parse(packed) as [{ readonly filename: string }];
  return join(into, filename);
}

/** The bundle for browsers: an entry, and beside it what that loads when it is needed. */
export async function bundle(directory: string): Promise<void> {
  await bundleOne(join(SOURCE, "client.ts"), directory);
  await bundleOne(join(SOURCE, "deflate.ts"), directory);
  await bundleOne(join(ROOT, "packages", "protocol", "mark.ts"), directory);
}

async function bundleOne(entry: string, directory: string): Promise<void> {
  const build = await Bun.build({
    entrypoints: [entry],
    outdir: directory,
    minify: true,
    target: "browser",
    plugins: [
      {
        name: "loaded later",
        // Bundled apart, so that the entry needs no third file for the few lines that both have.
        setup(builder) {
          builder.onResolve({ filter: /^@shardcast\/protocol\/mark$/ }, () => ({
            path: "./mark.js",
            external: true,
          }));
        },
      },
    ],
  });
  if (!build.success) throw new AggregateError(build.logs, `${entry} could not be bundled`);
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

const PUBLISHED = {
  description: "Ordered, complete channels of a Shardcast server, over any number of reconnects",
  keywords: ["websocket", "realtime", "pubsub", "kafka", "shardcast"],
  type: "module",
  sideEffects: false,
  engines: { node: ">=22" },
  exports: {
    ".": { types: "./client/client.d.ts", default: "./client/client.js" },
    "./deflate": { types: "./client/deflate.d.ts", default: "./client/deflate.js" },
    "./browser/*": "./browser/*",
    "./package.json": "./package.json",
  },
};

function compile(directory: string): void {
  const project = join(SOURCE, "tsconfig.build.json");
  run(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", project, "--outDir", directory], ROOT);
  for (const file of new Glob("**/*.{js,d.ts}").scanSync({ cwd: directory, absolute: true })) {
    const text = readFileSync(file, "utf8")
      .replace(/"@shardcast\/protocol\/(\w+)"/g, '"../protocol/$1.js"')
      // The compiler leaves them in declarations.
      .replace(/(from|import\() ?"(\.{1,2}\/[^"]+)\.ts"/g, '$1 "$2.js"');
    writeFileSync(file, text);
  }
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}
