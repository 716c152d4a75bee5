import { readFileSync } from "node:fs";

/** What a file holds, or why it can not be read and what to do. */
export function readTextFile(
  flag: string,
  path: string,
): { readonly text: string } | { readonly fault: string } {
  try {
    return { text: readFileSync(path, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return { fault: `${flag}: ${path} cannot be read (${code}); correct the path or its rights` };
  }
}
