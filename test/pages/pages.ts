import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

export const ROOT: string = join(import.meta.dir, "..", "..");

/** Every page that people read: the README, those of packages, and all of docs. */
export function pagePaths(): string[] {
  const patterns = ["README.md", "packages/*/README.md", "docs/**/*.md"];
  return patterns.flatMap((pattern) => [...new Glob(pattern).scanSync(ROOT)]).sort();
}

export function readPage(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
