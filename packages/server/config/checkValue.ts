import type { z } from "zod";
import type { Origin, Problem } from "./problem.ts";
import { HIDDEN, redactUrl } from "./secrets.ts";
import { formatValue, type Setting } from "./setting.ts";

/** One value that somebody wrote for a setting, before it is checked. */
export interface Candidate {
  readonly origin: Origin;
  readonly raw: unknown;
  /** `raw` is the path of a file that holds the value of a secret. */
  readonly isFile?: boolean;
}

export type Checked =
  | { readonly origin: Origin; readonly value: unknown; readonly path?: string }
  | { readonly origin: Origin; readonly problem: Problem };

const SHOWN_LENGTH_MAX = 80;

/** Checks one value, reading the file that it names where the setting is about what that holds. */
export function check(setting: Setting, candidate: Candidate, readFile: (path: string) => string): Checked {
  const { origin, raw, isFile = false } = candidate;
  const isContents = isFile || setting.kind.file === "contents";
  if (!isContents) return checkValue(setting, origin, raw);
  if (typeof raw !== "string" || raw === "") return refuse(setting, origin, "expected the path of a file");
  const content = readWhole(raw, readFile);
  if ("fault" in content) {
    return refuse(
      setting,
      origin,
      `${raw} cannot be read (${content.fault})`,
      "Correct the path or its rights.",
    );
  }
  if (content.text === "")
    return refuse(setting, origin, `${raw} is empty`, "Fill the file, or name another.");
  // Editors and `echo` end a file with a newline that is no part of a password.
  const checked = checkValue(setting, origin, isFile ? content.text.replace(/\r?\n$/, "") : content.text);
  return "value" in checked ? { ...checked, path: raw } : checked;
}

function checkValue(setting: Setting, origin: Origin, raw: unknown): Checked {
  const result = setting.kind.schema.safeParse(raw);
  if (result.success) return { origin, value: result.data };
  return refuse(setting, origin, faultOf(setting, raw, result.error));
}

function faultOf(setting: Setting, raw: unknown, error: z.ZodError): string {
  const issue = error.issues[0];
  const key = issue?.path[0];
  const at = typeof raw === "object" && raw !== null && key !== undefined ? Reflect.get(raw, key) : raw;
  const got = show(setting, at);
  if (issue?.code === "custom") return `${got} will not do: ${issue.message}`;
  return `expected ${setting.kind.expects}, got ${got}`;
}

function show(setting: Setting, value: unknown): string {
  if (setting.secret === "whole") return HIDDEN;
  const text = JSON.stringify(value) ?? String(value);
  const shown = setting.secret === "url" ? redactUrl(text) : text;
  return shown.length > SHOWN_LENGTH_MAX ? `${shown.slice(0, SHOWN_LENGTH_MAX)}…` : shown;
}

export function readWhole(
  path: string,
  readFile: (path: string) => string,
): { readonly text: string } | { readonly fault: string } {
  try {
    return { text: readFile(path) };
  } catch (error) {
    const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
    return { fault: typeof code === "string" ? code : String(error) };
  }
}

function refuse(setting: Setting, origin: Origin, message: string, advice = adviceFor(setting)): Checked {
  return { origin, problem: { origin, message, advice } };
}

function adviceFor(setting: Setting): string {
  const { default: standard, derived, kind } = setting;
  if (derived !== undefined) return `Correct it, or leave it out for: ${derived}.`;
  const shown = standard === undefined || kind.isSwitch ? "" : formatValue(setting, standard);
  return shown === ""
    ? "Correct it, or leave it out."
    : `Correct it, or leave it out for the default: ${shown}`;
}
