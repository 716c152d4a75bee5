import { parseDocument } from "yaml";
import { didYouMean } from "./didYouMean.ts";
import type { Problem } from "./problem.ts";

export interface ParsedConfigFile {
  readonly entries: ReadonlyMap<string, unknown>;
  readonly problems: readonly Problem[];
  /** False where nothing can be known of what it meant to say. */
  readonly isUsable: boolean;
}

/** Reads a config file's text. YAML 1.2 includes JSON, so that one parser does for both. */
export function parseConfigFile(content: string, path: string, known: ReadonlySet<string>): ParsedConfigFile {
  const parsed = parseYaml(content);
  if ("fault" in parsed) {
    return failed(path, `is neither YAML nor JSON: ${parsed.fault}`, "Mend it at that place.");
  }
  const { root } = parsed;
  if (root === null || root === undefined) return { entries: new Map(), problems: [], isUsable: true };
  if (typeof root !== "object" || Array.isArray(root)) {
    return failed(path, "is not a map of settings", "Write lines such as `port: 3000`.");
  }
  const entries = new Map<string, unknown>();
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(root)) {
    if (!known.has(key)) problems.push(unknownKey(key, path, known));
    else if (value === null) problems.push(at(key, path, "has no value", "Give it one, or remove the line."));
    else entries.set(key, value);
  }
  return { entries, problems, isUsable: true };
}

function parseYaml(content: string): { readonly root: unknown } | { readonly fault: string } {
  const document = parseDocument(content, { prettyErrors: true, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) return { fault: firstLine(error.message) };
  try {
    return { root: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    // An alias of something that is not there, or one that multiplies without end, is only noticed here.
    return { fault: firstLine(String(error)) };
  }
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]?.replace(/:$/, "") ?? message;
}

function unknownKey(key: string, path: string, known: ReadonlySet<string>): Problem {
  const similar = didYouMean(key, known);
  const isGroup = [...known].some((name) => name.startsWith(`${key}-`));
  const advice =
    similar !== undefined
      ? `Did you mean ${similar}?`
      : isGroup
        ? `Keys are not nested: write ${[...known].find((name) => name.startsWith(`${key}-`))} and the like.`
        : "Keys are the flags' names without dashes in front; --help lists them.";
  return at(key, path, "there is no such setting", advice);
}

function failed(path: string, message: string, advice: string): ParsedConfigFile {
  return {
    entries: new Map(),
    problems: [{ origin: { kind: "file", name: path }, message, advice }],
    isUsable: false,
  };
}

function at(key: string, path: string, message: string, advice: string): Problem {
  return { origin: { kind: "file", name: `${key} in ${path}` }, message, advice };
}
