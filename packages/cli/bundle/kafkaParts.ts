import { join } from "node:path";
import type { BunPlugin } from "bun";

/**
 * Puts the parts of the Kafka library that `kafka/library.ts` loads by their files into the bundle, with the WebAssembly
 * that they read from a file beside them, and without the JSON Schema compiler that one of them makes at once: it
 * checks the options of the library's own clients, which are not used here, and takes 15 MB.
 */
export function kafkaParts(packages: string): BunPlugin {
  const library = import.meta.resolve("@platformatic/kafka", join(packages, "server/kafka/"));
  return {
    name: "kafka parts",
    setup(build) {
      build.onLoad({ filter: /\/server\/kafka\/library\.ts$/ }, async ({ path }) => ({
        loader: "ts",
        contents: await rewritten(path, /\bload\("([^"]+)"\)/g, (part) => {
          return `import(${JSON.stringify(new URL(part, library).pathname)})`;
        }),
      }));
      build.onLoad({ filter: /\/wasm-utils\/dist\/index\.js$/ }, async ({ path }) => ({
        loader: "js",
        contents: `import wasmFile from "./native.wasm" with { type: "file" };\n${await rewritten(
          path,
          /'(\.\.\/dist\/native\.wasm)'/g,
          () => "wasmFile",
        )}`,
      }));
      build.onLoad({ filter: /\/ajv\/dist\/2020\.js$/ }, () => ({ loader: "js", contents: NO_SCHEMAS }));
    },
  };
}

/** Another version may say it otherwise: a bundle that then loads more, or fails, is not to be made in silence. */
async function rewritten(path: string, pattern: RegExp, to: (found: string) => string): Promise<string> {
  const source = await Bun.file(path).text();
  const contents = source.replaceAll(pattern, (_, found: string) => to(found));
  if (contents === source)
    throw new Error(`${path} has nothing like ${pattern}: the bundle's build is to be mended`);
  return contents;
}

const NO_SCHEMAS = `
export class Ajv2020 {
  addKeyword() {}
  compile() {
    return () => { throw new Error("this bundle of Shardcast has no JSON Schemas: run it from its sources"); };
  }
}
`;
