import { type LoadedConfig, loadConfig } from "../config.ts";
import type { Machine } from "./environment.ts";
import type { Problem } from "./problem.ts";

export const MACHINE: Machine = {
  hostname: "web1.example.com",
  cores: 4,
  processId: 77,
  openFilesMax: 1024,
  isTerminal: false,
};

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Path → content; every other file is missing. */
  readonly files?: Readonly<Record<string, string>>;
  readonly machine?: Partial<Machine>;
}

/** Loads a configuration in a world that holds nothing but what the test gives. */
export function load({ argv = [], env = {}, files = {}, machine = {} }: Given = {}): LoadedConfig {
  return loadConfig({ argv, env, readFile: readFrom(files), machine: { ...MACHINE, ...machine } });
}

export function loaded(given: Given = {}): Extract<LoadedConfig, { ok: true }> {
  const result = load(given);
  if (!result.ok) throw new Error(`expected no problems, got ${JSON.stringify(result.problems)}`);
  return result;
}

export function refused(given: Given): readonly Problem[] {
  const result = load(given);
  if (result.ok) throw new Error("expected problems, got a configuration");
  return result.problems;
}

/** What was wrong, as `name: message`. */
export function complaints(given: Given): string[] {
  return refused(given).map(({ origin, message }) => `${origin.name}: ${message}`);
}

function readFrom(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
    return content;
  };
}
