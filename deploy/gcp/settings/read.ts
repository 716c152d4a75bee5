import { z } from "zod";
import { didYouMean } from "../../../packages/server/config/didYouMean.ts";
import { contradictions } from "./contradictions.ts";
import { type Settings, schema } from "./schema.ts";

const NAMESPACE = "shardcast:";

/** Thrown with everything that is wrong, so that it can be mended in one go. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly code = "settings_refused";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super([`${count} with the stack's configuration:`, ...problems.map((one) => `  ${one}`)].join("\n"));
    this.problems = problems;
  }
}

/** Reads a stack's configuration as Pulumi hands it over: `shardcast:key` → text, JSON where it is no plain word. */
export function readSettings(config: Readonly<Record<string, string>>): Settings {
  const problems: string[] = [];
  const given: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(config)) {
    if (!name.startsWith(NAMESPACE)) continue;
    const key = name.slice(NAMESPACE.length);
    if (isKnown(key)) given[key] = isText(key) ? text : parsed(text);
    else problems.push(unknown(key));
  }
  const read = schema.safeParse(given);
  if (!read.success) problems.push(...read.error.issues.map(told));
  else problems.push(...contradictions(read.data));
  if (problems.length > 0 || !read.success) throw new SettingsError(problems);
  return read.data;
}

const PROPERTIES = z.toJSONSchema(schema, { io: "input" }).properties ?? {};

function isKnown(key: string): boolean {
  return Object.hasOwn(PROPERTIES, key);
}

/** A text stays as it was written: the tag `1.0` is no number. */
function isText(key: string): boolean {
  const property = PROPERTIES[key];
  return typeof property === "object" && property.type === "string";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A single word, which the schema then looks at as such.
    return text;
  }
}

function unknown(key: string): string {
  const similar = didYouMean(key, Object.keys(PROPERTIES));
  const advice =
    similar === undefined ? "docs/gcp.md lists what there is" : `did you mean ${NAMESPACE}${similar}?`;
  return `${NAMESPACE}${key}: there is no such setting; ${advice}`;
}

function told({ path, message, ...issue }: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys")
    return `${NAMESPACE}${path.join(".")}: has no ${issue.keys.join(", ")}; docs/gcp.md lists what there is`;
  if (issue.code === "invalid_key")
    return `${NAMESPACE}${path.join(".")}: ${issue.issues[0]?.message ?? message}`;
  const isMissing = issue.code === "invalid_type" && issue.input === undefined;
  return `${NAMESPACE}${path.join(".")}: ${isMissing ? "is missing, and has no default" : message}`;
}
