import { parseArgs } from "node:util";
import { didYouMean } from "./didYouMean.ts";
import type { Problem } from "./problem.ts";

export interface FlagShape {
  /** Without its dashes. */
  readonly name: string;
  readonly isSwitch: boolean;
  readonly repeatable: boolean;
  /** What else one may call it: it is suggested to who does. */
  readonly alsoCalled?: readonly string[];
}

export interface ParsedFlags {
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly problems: readonly Problem[];
}

/** Reads a command line as far as it can be understood, and says everything that can not. */
export function parseFlags(argv: readonly string[], shapes: readonly FlagShape[]): ParsedFlags {
  const known = new Map(shapes.map((shape) => [shape.name, shape]));
  const texts = new Map<string, string[]>();
  const positionals: string[] = [];
  const problems: Problem[] = [];
  // What follows an unknown flag was most likely meant for it: a second complaint would only distract.
  let afterUnknown = -1;
  for (const token of tokensOf(argv, shapes)) {
    if (token.kind === "positional") {
      if (token.index !== afterUnknown) positionals.push(token.value);
    } else if (token.kind === "option") {
      const read = readOption(token.name, token.value, token.inlineValue ?? false, known);
      if (read === undefined) {
        problems.push(unknownFlag(token.rawName, known));
        afterUnknown = token.index + 1;
      } else if ("problem" in read) {
        problems.push(read.problem);
      } else {
        const soFar = texts.get(read.shape.name) ?? [];
        soFar.push(read.text);
        texts.set(read.shape.name, soFar);
      }
    }
  }
  for (const [name, all] of texts) {
    if (all.length > 1 && !known.get(name)?.repeatable) {
      problems.push(problem(`--${name}`, `is given ${all.length} times`, "Give it once."));
    }
  }
  return { texts, positionals, problems };
}

function tokensOf(argv: readonly string[], shapes: readonly FlagShape[]) {
  const options = Object.fromEntries(
    shapes.map(
      ({ name, isSwitch }) => [name, { type: isSwitch ? "boolean" : "string", multiple: true }] as const,
    ),
  );
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function readOption(
  name: string,
  value: string | undefined,
  isInline: boolean,
  known: ReadonlyMap<string, FlagShape>,
): { shape: FlagShape; text: string } | { problem: Problem } | undefined {
  const shape = known.get(name);
  if (shape === undefined) {
    const negated = name.startsWith("no-") ? known.get(name.slice(3)) : undefined;
    return negated?.isSwitch && value === undefined ? { shape: negated, text: "false" } : undefined;
  }
  if (shape.isSwitch) return { shape, text: value ?? "true" };
  if (value === undefined || (!isInline && value.startsWith("--"))) {
    const advice = `Write --${name} <value>, or --${name}=<value> where the value begins with dashes.`;
    return { problem: problem(`--${name}`, "needs a value", advice) };
  }
  return { shape, text: value };
}

function unknownFlag(rawName: string, known: ReadonlyMap<string, FlagShape>): Problem {
  const similar = rawName.startsWith("--") ? similarFlag(rawName.slice(2), known) : undefined;
  const advice = similar === undefined ? "--help lists all flags." : `Did you mean --${similar}?`;
  return problem(rawName, "there is no such flag", advice);
}

function similarFlag(written: string, known: ReadonlyMap<string, FlagShape>): string | undefined {
  const names = new Map<string, string>();
  for (const { name, alsoCalled = [] } of known.values())
    for (const other of alsoCalled) names.set(other, name);
  for (const name of known.keys()) names.set(name, name);
  return names.get(didYouMean(written, names.keys()) ?? "");
}

function problem(name: string, message: string, advice: string): Problem {
  return { origin: { kind: "flag", name }, message, advice };
}
