import { dirname, resolve } from "node:path";
import { type Candidate, check, readWhole } from "./checkValue.ts";
import { type ParsedConfigFile, parseConfigFile } from "./configFile.ts";
import { type FlagShape, parseFlags } from "./flags.ts";
import { path as pathKind } from "./kinds.ts";
import type { Origin, Problem } from "./problem.ts";
import { type Setting, type SettingValues, variableOf } from "./setting.ts";
import { unknownVariables } from "./variables.ts";

/** Where settings come from. `readFile` throws where a file cannot be read. */
export interface SettingInputs {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

export type SettingTable = Readonly<Record<string, Setting>>;

export interface ReadSettings<S extends SettingTable> {
  readonly values: SettingValues<S>;
  /** For each setting by its key in the table: where its value came from. */
  readonly origins: Readonly<Record<keyof S & string, Origin>>;
  /** What was written where the value is the contents of a file: its path. */
  readonly paths: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
  /** Keys of settings whose value was refused: `values` has the default for them, or nothing. */
  readonly refused: ReadonlySet<string>;
  /** Everything that is wrong. Where there is something, `values` is not to be used. */
  readonly problems: readonly Problem[];
}

/**
 * Reads a table of settings from flags, variables and a config file, in this order of precedence. A bad value is a
 * problem also where a better one covers it: it would come to bite later. `alsoKnown` are settings of other commands,
 * which variables and config file may hold without harm.
 */
export function readSettings<S extends SettingTable>(
  table: S,
  inputs: SettingInputs,
  alsoKnown: SettingTable = {},
): ReadSettings<S> {
  const mine = Object.values(table).flatMap(withSecretFile);
  const all = [...mine, ...Object.values(alsoKnown).flatMap(withSecretFile)];
  const flags = parseFlags(inputs.argv, mine.map(flagShape));
  const problems: Problem[] = [...flags.problems];
  if (mine.some((setting) => setting.where !== "flag")) {
    problems.push(...unknownVariables(inputs.env, new Set(all.filter(inVariable).map(variableOf))));
  }

  const candidates = new Map<string, Candidate[]>();
  for (const setting of mine)
    candidates.set(setting.name, fromFlagAndVariable(setting, flags.texts, inputs.env));
  const config = candidates.get("config")?.[0];
  const fromFile = config === undefined ? undefined : readConfigFile(config, all, inputs);
  if (fromFile !== undefined) {
    problems.push(...fromFile.problems);
    for (const setting of mine) addFromFile(setting, fromFile, candidates.get(setting.name));
  }

  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const paths = new Map<string, string>();
  const refused = new Set(fromFile === undefined || fromFile.isUsable ? [] : ["config"]);
  for (const [key, setting] of Object.entries(table)) {
    const given = candidates.get(setting.name) ?? [];
    const inFiles = setting.secret === undefined ? [] : (candidates.get(`${setting.name}-file`) ?? []);
    problems.push(...givenTwice(given, inFiles));
    const fromFiles = inFiles.map((candidate): Candidate => ({ ...candidate, isFile: true }));
    const checked = [...given, ...fromFiles]
      .sort((a, b) => PRECEDENCE.indexOf(a.origin.kind) - PRECEDENCE.indexOf(b.origin.kind))
      // A file with a secret that is not to be used need not be there.
      .filter(({ isFile }, index) => index === 0 || isFile !== true)
      .map((candidate) => check(setting, candidate, inputs.readFile));
    for (const result of checked) if ("problem" in result) problems.push(result.problem);
    const first = checked[0];
    if (first !== undefined && "problem" in first) refused.add(key);
    values[key] = first !== undefined && "value" in first ? first.value : setting.default;
    origins[key] = first === undefined ? { kind: "default", name: setting.name } : first.origin;
    if (first !== undefined && "path" in first && first.path !== undefined) paths.set(key, first.path);
  }
  // The loops above filled in every key of the table, each with what its own schema let pass, or a problem tells.
  return {
    values: values as SettingValues<S>,
    origins: origins as Record<keyof S & string, Origin>,
    paths,
    positionals: flags.positionals,
    refused,
    problems,
  };
}

/** A secret is two settings in flags, variables and file: itself, and the path of a file that holds it. */
export function withSecretFile(setting: Setting): Setting[] {
  if (setting.secret === undefined) return [setting];
  const { name, group, where } = setting;
  const doc = `File that holds \`${name}\`.`;
  return [setting, { name: `${name}-file`, kind: pathKind(), group, doc, ...(where && { where }) }];
}

function flagShape({ name, kind, alsoCalled }: Setting): FlagShape {
  const { isSwitch, repeatable } = kind;
  return { name, isSwitch, repeatable, ...(alsoCalled !== undefined && { alsoCalled }) };
}

function inVariable(setting: Setting): boolean {
  return setting.where !== "flag";
}

function fromFlagAndVariable(
  setting: Setting,
  flags: ReadonlyMap<string, readonly string[]>,
  env: SettingInputs["env"],
): Candidate[] {
  const found: Candidate[] = [];
  const texts = flags.get(setting.name);
  if (texts !== undefined) {
    found.push({ origin: { kind: "flag", name: `--${setting.name}` }, raw: setting.kind.fromText(texts) });
  }
  const name = variableOf(setting);
  const text = env[name];
  if (inVariable(setting) && text !== undefined && text !== "") {
    found.push({ origin: { kind: "env", name }, raw: setting.kind.fromText([text]) });
  }
  return found;
}

interface ConfigFile extends ParsedConfigFile {
  readonly path: string;
}

function readConfigFile(
  { origin, raw }: Candidate,
  known: readonly Setting[],
  { readFile }: SettingInputs,
): ConfigFile {
  const path = String(raw);
  const content = readWhole(path, readFile);
  if ("fault" in content) {
    const message = `${path} cannot be read (${content.fault})`;
    const advice = "Correct the path or its rights.";
    return { path, entries: new Map(), problems: [{ origin, message, advice }], isUsable: false };
  }
  const names = new Set(known.filter(({ where }) => where === undefined).map(({ name }) => name));
  return { path, ...parseConfigFile(content.text, path, names) };
}

function addFromFile(
  setting: Setting,
  { path, entries }: ConfigFile,
  candidates: Candidate[] | undefined,
): void {
  const raw = entries.get(setting.name);
  if (raw === undefined) return;
  const isPath = setting.kind.file !== undefined && typeof raw === "string";
  const origin: Origin = { kind: "file", name: `${setting.name} in ${path}` };
  candidates?.push({ origin, raw: isPath ? resolve(dirname(path), raw) : raw });
}

const PRECEDENCE: readonly Origin["kind"][] = ["flag", "env", "file", "default"];

/** A value and the path of a file with it, both in flags, or both in variables, or both in the config file. */
function givenTwice(values: readonly Candidate[], files: readonly Candidate[]): Problem[] {
  return files.flatMap(({ origin }) => {
    const same = values.find((value) => value.origin.kind === origin.kind);
    if (same === undefined) return [];
    const advice = "Keep one of the two; the file is the safer place.";
    return [{ origin, message: `says the same as ${same.origin.name}`, advice }];
  });
}
