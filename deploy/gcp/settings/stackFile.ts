import { readFileSync } from "node:fs";
import { parse } from "yaml";

interface StackFile {
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The configuration of a stack's file, as Pulumi hands it to a program: objects as JSON. */
export function readStackFile(path: string): Record<string, string> {
  const { config = {} } = (parse(readFileSync(path, "utf8")) ?? {}) as StackFile;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}
