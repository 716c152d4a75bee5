// Holds the tree to the shape that docs/architecture.md describes: what no type checker or linter here looks at.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Glob } from "bun";

const ROOT = join(import.meta.dir, "..");
const FILES = ["packages", "scripts", "bench", "test"]
  .flatMap((directory) => [...new Glob(`${directory}/**/*.{ts,tsx}`).scanSync(ROOT)])
  .filter((file) => !file.includes("node_modules/"))
  .sort();
const SOURCES = new Map(FILES.map((file) => [file, read(file)]));

/** What each package may import of the others. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  cli: ["server", "client", "protocol", "loadtest", "dashboard", "demo"],
  dashboard: ["server", "client", "protocol"],
  demo: ["server", "client", "protocol"],
  loadtest: ["server", "client", "protocol"],
  server: ["protocol"],
  client: ["protocol"],
  protocol: [],
};

const STAGES = ["source", "bus", "log", "stream", "hub", "gateway"];

/** What stages may import of one another, and why. Everything else goes through the composing files. */
const SHARED: ReadonlyArray<readonly [file: string, importers: readonly string[], why: string]> = [
  ["bus/bus.ts", ["source"], "the bus' contract"],
  [
    "bus/frame.ts",
    ["source", "stream", "log"],
    "what a frame is: the contract between publishers and shards",
  ],
  ["bus/frameCodec.ts", ["source", "log"], "a frame's bytes; the embedded log answers in them too"],
  [
    "bus/splitRange.ts",
    ["source", "log"],
    "cuts what is published or answered to the size that the bus takes",
  ],
  ["bus/backoff.ts", ["source"], "the publisher tries again at the bus' own pace"],
  ["bus/timing.ts", ["source", "log"], "the injected clock of everything that waits for the bus"],
  ["log/log.ts", ["stream", "gateway"], "the log's contract"],
  ["log/streamId.ts", ["source"], "a stream's name, the same for who publishes and who reads it"],
  ["hub/hub.ts", ["gateway"], "clients subscribe at the hub: it is what the gateway serves"],
  ["hub/history.ts", ["gateway"], "a resume is read from the hub's history"],
  ["hub/topics.ts", ["gateway"], "a connection holds the topics that it subscribed to"],
];

const ENTRY_POINTS = [
  "packages/cli/main.ts",
  "packages/cli/endWithLauncher.ts",
  "packages/cli/bundle/build.ts",
  "packages/server/shardMain.ts",
  "packages/client/client.ts",
  "packages/client/deflate.ts",
  "packages/client/examples/vanilla/main.ts",
  "packages/client/examples/react/main.tsx",
  "packages/loadtest/generatorMain.ts",
  // Bundled for browsers when they are asked for.
  "packages/dashboard/main.tsx",
  "packages/demo/board.ts",
];

/** Code that only tests run, under names that do not say so. */
const TEST_ONLY = [
  /\.(test|fixture)\.ts$/,
  /^packages\/cli\/produce\/fixture\.ts$/,
  /^packages\/server\/bus\/conformance\.ts$/,
  /^packages\/server\/stream\/(simulation\w*|assembleFixture)\.ts$/,
];

/** Cycles that stay, as the files on them, and why. Types alone are erased, so that none of these is one at run time. */
const CYCLES_OF_TYPES: ReadonlyArray<readonly [files: readonly string[], why: string]> = [
  [
    ["packages/server/config.ts", "packages/server/config/compose.ts"],
    "compose.ts makes the Config that config.ts, the contract of the whole server, declares",
  ],
];

/** What no test imports, and why it is there all the same. */
const RUN_OTHERWISE: ReadonlyArray<readonly [file: string, why: string]> = [
  ["test/clientBundle/preload.ts", "loaded into a run of the SDK's own tests, which a test starts"],
  ["test/clientPackage/typed.ts", "compiled by a test, in a project of its own"],
  ["packages/server/bus/local.fixture.ts", "a process of its own, which the local bus' tests start and kill"],
];

const IMPORTS = [
  /^\s*(?:import|export)\b[^;"']*?\bfrom\s+"([^"]+)"/gm,
  /^\s*import\s+"([^"]+)"/gm,
  /\bimport\(\s*"([^"]+)"\s*\)/g,
];

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function isTestOnly(file: string): boolean {
  return file.startsWith("test/") || TEST_ONLY.some((pattern) => pattern.test(file));
}

function specifiersOf(file: string): string[] {
  const source = SOURCES.get(file) ?? "";
  return IMPORTS.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ""));
}

/** The file that an import names, relative to the root; undefined for what is no file of ours. */
function resolve(file: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return relative(ROOT, join(ROOT, dirname(file), specifier));
  const [, name, path] = /^@shardcast\/(\w+)(?:\/(.+))?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  return `packages/${name}/${path ?? "client"}.ts`;
}

const EDGES = new Map(
  FILES.map((file) => [file, specifiersOf(file).flatMap((specifier) => resolve(file, specifier) ?? [])]),
);

function packageOf(file: string): string | undefined {
  return /^packages\/(\w+)\//.exec(file)?.[1];
}

function stageOf(file: string): string | undefined {
  const stage = /^packages\/server\/(\w+)\//.exec(file)?.[1];
  return stage !== undefined && STAGES.includes(stage) ? stage : undefined;
}

/** Each import of one of `files`, as `from → to`, that `isWrong`. */
function wrongImports(
  files: readonly string[],
  isWrong: (from: string, to: string) => boolean,
): readonly string[] {
  return files.flatMap((from) =>
    (EDGES.get(from) ?? []).filter((to) => isWrong(from, to)).map((to) => `${from} → ${to}`),
  );
}

function reachableFrom(entries: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    waiting.push(...(EDGES.get(file) ?? []));
  }
  return reached;
}

/** Every import cycle that a walk over the files closes, as the path along which it was found. */
function cycles(): string[][] {
  const done = new Set<string>();
  const path: string[] = [];
  const found: string[][] = [];
  const walk = (file: string): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file]);
    if (done.has(file) || path.includes(file)) return;
    path.push(file);
    for (const next of EDGES.get(file) ?? []) walk(next);
    path.pop();
    done.add(file);
  };
  for (const file of FILES) walk(file);
  return found;
}

/** The files with a line that `pattern` finds, with the line's number. */
function linesWith(pattern: RegExp, isLookedAt: (file: string) => boolean): string[] {
  return FILES.filter(isLookedAt).flatMap((file) =>
    (SOURCES.get(file) ?? "")
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  );
}

const PACKAGE_FILES = FILES.filter((file) => file.startsWith("packages/"));
const PRODUCT_FILES = PACKAGE_FILES.filter((file) => !isTestOnly(file));

describe("imports", () => {
  test("every import of a file of ours names one that is there", () => {
    expect(wrongImports(FILES, (_, to) => !existsSync(join(ROOT, to)))).toEqual([]);
  });

  test("packages import one another in one direction", () => {
    const isWrong = (from: string, to: string) => {
      const [own, other] = [packageOf(from) ?? "", packageOf(to)];
      return other !== undefined && other !== own && PACKAGES[own]?.includes(other) !== true;
    };
    expect(wrongImports(PACKAGE_FILES, isWrong)).toEqual([]);
  });

  test("the product imports nothing of tests, scripts and benchmarks", () => {
    const isWrong = (_: string, to: string) => packageOf(to) === undefined && to.endsWith(".ts");
    expect(wrongImports(PRODUCT_FILES, isWrong)).toEqual([]);
    expect(wrongImports(PRODUCT_FILES, (_, to) => isTestOnly(to))).toEqual([]);
  });

  test("no file imports itself by way of others", () => {
    const isOfTypes = (path: readonly string[]) =>
      CYCLES_OF_TYPES.some(([files]) => path.every((file) => files.includes(file)));
    expect(cycles().filter((path) => !isOfTypes(path))).toEqual([]);
  });

  test("stages meet in contracts, and nothing of theirs imports what composes them", () => {
    const staged = PRODUCT_FILES.filter((file) => stageOf(file) !== undefined);
    const isShared = (from: string, to: string) =>
      SHARED.some(
        ([file, importers]) => to === `packages/server/${file}` && importers.includes(stageOf(from) ?? ""),
      );
    const isWrong = (from: string, to: string) => {
      const stage = stageOf(to);
      if (stage !== undefined) return stage !== stageOf(from) && !isShared(from, to);
      return /^packages\/server\/(supervisor[./]|(shard|shardMain|ingest)\.ts)/.test(to);
    };
    expect(wrongImports(staged, isWrong)).toEqual([]);
  });

  test("no exception for stages has outlived its use", () => {
    const unused = SHARED.flatMap(([file, importers]) =>
      importers
        .filter((stage) => {
          const to = `packages/server/${file}`;
          return !PRODUCT_FILES.some((from) => stageOf(from) === stage && EDGES.get(from)?.includes(to));
        })
        .map((stage) => `${stage} → ${file}`),
    );
    expect(unused).toEqual([]);
  });

  test("every foreign package is a declared dependency, with its reason written down", () => {
    const reasons = read("docs/decisions/dependencies.md");
    const declaredBy = (manifest: string): string[] => {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(read(manifest)) as Manifest;
      return [...Object.keys(dependencies), ...Object.keys(devDependencies)];
    };
    const undeclared = PRODUCT_FILES.flatMap((file) => {
      // Examples import their own package by its name, as its users do.
      const own = `@shardcast/${packageOf(file)}`;
      const declared = [own, ...declaredBy(`packages/${packageOf(file)}/package.json`)];
      return specifiersOf(file)
        .filter((name) => !/^(\.|node:|bun(:|$))/.test(name))
        .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"))
        .filter((name) => !declared.includes(name))
        .map((name) => `${file}: ${name}`);
    });
    const manifests = [
      "package.json",
      "deploy/gcp/package.json",
      ...Object.keys(PACKAGES).map((name) => `packages/${name}/package.json`),
    ];
    const unexplained = manifests
      .flatMap(declaredBy)
      .filter((name) => !name.startsWith("@shardcast/") && !reasons.includes(`\`${name}\``));
    expect({ undeclared, unexplained }).toEqual({ undeclared: [], unexplained: [] });
  });
});

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

describe("files", () => {
  test("none is a barrel or a drawer for everything", () => {
    const drawer = /(^|\/)(index|utils?|helpers?|common|misc)(\.|\/)/i;
    expect(FILES.filter((file) => drawer.test(file))).toEqual([]);
  });

  test("every file of the product is reached from an entry point", () => {
    const reached = reachableFrom([...ENTRY_POINTS, ...FILES.filter((file) => file.startsWith("scripts/"))]);
    expect(PRODUCT_FILES.filter((file) => !reached.has(file))).toEqual([]);
  });

  test("every file that only tests run is run by one", () => {
    const reached = reachableFrom([
      ...FILES.filter((file) => file.endsWith(".test.ts")),
      ...RUN_OTHERWISE.map(([file]) => file),
    ]);
    // A test starts it as a process of its own, by its path.
    const started = ["packages/server/bus/local.fixture.ts"];
    expect(FILES.filter((file) => isTestOnly(file) && !reached.has(file) && !started.includes(file))).toEqual(
      [],
    );
  });

  test("only commands and tools write to the console", () => {
    const isQuiet = (file: string) => !/^(packages\/cli|scripts|bench|test)\//.test(file);
    expect(linesWith(/\bconsole\.\w+\(/, isQuiet)).toEqual([]);
  });

  test("no test holds its turn until a promise is settled: test/services/rejectionOf.ts waits for it", () => {
    expect(linesWith(/\.(rejects|resolves)\.(not\.)?to[A-Z]/, () => true)).toEqual([]);
  });

  test("the environment is read in one file", () => {
    const isLookedAt = (file: string) =>
      !/^(scripts|bench)\//.test(file) &&
      !isTestOnly(file) &&
      file !== "packages/server/config/environment.ts";
    expect(linesWith(/\b(process|Bun)\.env\b/, isLookedAt)).toEqual([]);
  });

  test("the Kafka library is loaded by its parts, in one file: its index loads much that nobody needs", () => {
    const isLookedAt = (file: string) => !isTestOnly(file) && file !== "packages/server/kafka/library.ts";
    expect(linesWith(/\b(from |import\()"@platformatic\/kafka"/, isLookedAt)).toEqual([]);
  });

  test("no test is left out or run alone; what needs a service says so by a condition", () => {
    const isTest = (file: string) => isTestOnly(file);
    expect(linesWith(/\b(test|it|describe)(\.\w+(\([^)]*\))?)*\.(only|skip|todo)\b/, isTest)).toEqual([]);
  });
});
