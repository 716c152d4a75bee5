import { join } from "node:path";
import type { BunPlugin } from "bun";
import { rewritten } from "./rewritten.ts";

/**
 * Puts the parts of the Kafka library that `kafka/library.ts` loads by their files into the bundle, with the WebAssembly
 * that they read from a file beside them, and leaves out what nobody here asks for: the requests of all other APIs and
 * versions, and the JSON Schema compiler that one part makes at once, for the options of the library's own clients.
 */
export function kafkaParts(packages: string): BunPlugin {
  const library = import.meta.resolve("@platformatic/kafka", join(packages, "server/kafka/"));
  return {
    name: "kafka parts",
    setup(build) {
      build.onLoad({ filter: /\/server\/kafka\/library\.ts$/ }, async ({ path }) => ({
        loader: "ts",
        contents: await exportsByFile(path, library),
      }));
      // Nothing but what it returns comes of this call, so that the bundler leaves out what is not used.
      build.onLoad({ filter: /\/kafka\/dist\/apis\/\w+\/[\w-]+-v\d+\.js$/ }, async ({ path }) => ({
        loader: "js",
        contents: await rewritten(path, /= (createAPI\()/, "= /* @__PURE__ */ $1"),
      }));
      build.onLoad({ filter: /\/wasm-utils\/dist\/index\.js$/ }, async ({ path }) => ({
        loader: "js",
        contents: `import wasmFile from "./native.wasm" with { type: "file" };\n${await rewritten(
          path,
          /'\.\.\/dist\/native\.wasm'/,
          "wasmFile",
        )}`,
      }));
      build.onLoad({ filter: /\/ajv\/dist\/2020\.js$/ }, () => ({ loader: "js", contents: NO_SCHEMAS }));
    },
  };
}

/** What `library.ts` exports, said in a way from which a bundler knows what is not asked for. */
async function exportsByFile(path: string, library: string): Promise<string> {
  const source = await Bun.file(path).text();
  const files = named(source, /\bload\("([^"]+)"\)/g).map((file) => new URL(file, library).pathname);
  const left = new Set(named(source, /\bpart\("([^"]+)"\)/g));
  const lines: string[] = [];
  // A name of several files is that of the last one, as where all are spread into one object.
  for (const file of files.toReversed()) {
    const names = Object.keys((await import(file)) as object).filter((name) => left.delete(name));
    if (names.length > 0) lines.push(`export { ${names.join(", ")} } from ${JSON.stringify(file)};`);
  }
  if (lines.length === 0 || left.size > 0)
    throw new Error(`${path}: not found in the Kafka library: ${[...left].join(", ") || "anything"}`);
  return lines.join("\n");
}

function named(source: string, pattern: RegExp): string[] {
  return [...source.matchAll(pattern)].flatMap(([, name]) => name ?? []);
}

const NO_SCHEMAS = `
export class Ajv2020 {
  addKeyword() {}
  compile() {
    return () => { throw new Error("this bundle of Shardcast has no JSON Schemas: run it from its sources"); };
  }
}
`;
