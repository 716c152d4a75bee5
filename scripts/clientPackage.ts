import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Glob } from "bun";
import { minifyForGzip } from "./minifyForGzip.ts";

const ROOT = join(import.meta.dir, "..");
const SOURCE = join(ROOT, "packages", "client");
const NODE_MODULES = join(ROOT, "node_modules");

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
  // The README leads to them.
  cpSync(join(SOURCE, "examples"), join(directory, "examples"), { recursive: true });
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

/** Of the bundle for browsers, what is loaded by a page, and what by the SDK itself when an option or a feed needs it. */
const ENTRIES = { client: "client/client.ts", deflate: "client/deflate.ts" };
const PARTS = { access: "client/access.ts", mark: "protocol/mark.ts" };

/**
 * The bundle for browsers: an entry, and beside it what that loads when it is needed. Names of properties are mangled, unless
 * somebody outside knows them.
 */
export async function bundle(directory: string): Promise<void> {
  const files = Object.entries({ ...ENTRIES, ...PARTS });
  const bundled = await Promise.all(
    files.map(async ([name, path]) => [name, await bundleOne(path)] as const),
  );
  const outside = namesOutside();
  const names = bundled.flatMap(([, code]) => [...new Set(namesIn(code))]);
  // By one of these files another one may reach into it.
  const shared = names.filter((name, index) => names.indexOf(name) !== index);
  const reserved = [...outside, ...shared];
  for (const [name, code] of bundled) {
    await Bun.write(join(directory, `${name}.js`), minifyForGzip(code, reserved));
  }
}

/** Each file apart, so that the entry needs no further one for the few lines that several have. */
async function bundleOne(path: string): Promise<string> {
  const build = await Bun.build({
    entrypoints: [join(ROOT, "packages", path)],
    target: "browser",
    // Puts constants in the places of their names, which UglifyJS leaves.
    minify: { syntax: true },
    plugins: [
      {
        name: "loaded later",
        setup(builder) {
          builder.onResolve(
            { filter: /^(\.|@shardcast\/protocol)\/\w+(\.ts)?$/ },
            ({ path: wanted, kind }) =>
              kind === "dynamic-import"
                ? { path: `./${basename(wanted, ".ts")}.js`, external: true }
                : undefined,
          );
        },
      },
    ],
  });
  const [output] = build.outputs;
  if (!build.success || output === undefined)
    throw new AggregateError(build.logs, `${path} could not be bundled`);
  return await output.text();
}

/** Every name in the public declarations, what the server says included, and in those of the platform. */
function namesOutside(): string[] {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-declarations-"));
  try {
    compile(directory);
    const own = declarationsFrom(
      Object.values(ENTRIES).map((path) => join(directory, path.replace(".ts", ".d.ts"))),
    );
    const platform = [...new Glob("@typescript/*/lib/lib.{dom,es*}.d.ts").scanSync(NODE_MODULES)];
    if (platform.length === 0) throw new Error("the compiler's own declarations are not where they were");
    const files = [...own, ...platform.map((file) => join(NODE_MODULES, file))];
    return [...new Set(files.flatMap((file) => namesIn(readFileSync(file, "utf8"))))];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The declarations that these files consist of: their own, and all that they refer to. */
function declarationsFrom(files: readonly string[]): string[] {
  const found = new Set(files);
  for (const file of found) {
    for (const [, path = ""] of readFileSync(file, "utf8").matchAll(/"(\.[^"]*)\.js"/g)) {
      found.add(join(file, "..", `${path}.d.ts`));
    }
  }
  return [...found];
}

function namesIn(declarations: string): string[] {
  return declarations.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "").match(/[\w$]+/g) ?? [];
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
  engines: { node: ">=20" },
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
