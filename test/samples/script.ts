import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Addresses, atHome } from "./addresses.ts";
import type { Block, Sample } from "./blocks.ts";
import { openTerminal } from "./terminal.ts";

/** Runs a script with Bun, to its end or until it has shown what is waited for. Throws where it fails. */
export async function runScript(
  block: Block,
  sample: Sample,
  addresses: Addresses,
  root: string,
): Promise<void> {
  const directory = scriptDirectory(root);
  try {
    const file = join(directory, `sample.${block.language}`);
    writeFileSync(file, atHome(block.text, addresses));
    const terminal = openTerminal(`exec '${process.execPath}' '${file}'`, {
      cwd: root,
      command: block.where,
      watched: "stdout",
    });
    const { until } = sample;
    const isGood = until === undefined ? await terminal.ended : await terminal.shows(until);
    await terminal.close();
    if (!isGood)
      throw new Error(
        `it ${until === undefined ? "failed" : `did not show ${until}`}:\n${terminal.output()}`,
      );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Checks the types of all scripts at once, as somebody would who copies them. Returns what the compiler says, by block. */
export async function typeErrors(blocks: readonly Block[], root: string): Promise<string[]> {
  const directory = scriptDirectory(root);
  try {
    const files = blocks.map((block, index) => {
      const file = `sample${index}.ts`;
      // So that it is a module, whose names are its own.
      writeFileSync(join(directory, file), `${block.text}\nexport {};\n`);
      return file;
    });
    // A sample may name what it does not use, and reads an index as anybody does.
    const lenient = {
      noUnusedLocals: false,
      noUnusedParameters: false,
      noPropertyAccessFromIndexSignature: false,
    };
    const project = { extends: join(root, "tsconfig.json"), compilerOptions: lenient, include: files };
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(project));
    const compiler = Bun.spawn([join(root, "node_modules/.bin/tsc"), "--noEmit", "-p", directory], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const output = await new Response(compiler.stdout).text();
    if ((await compiler.exited) === 0) return [];
    return output
      .split("\n")
      .filter((line) => /^\S/.test(line))
      .map((line) =>
        line.replace(/^.*sample(\d+)\.ts/, (_, index: string) => blocks[Number(index)]?.where ?? ""),
      );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Inside the project, so that its packages are found as a reader's would be. */
function scriptDirectory(root: string): string {
  const cache = join(root, ".cache");
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, "samples-"));
}
