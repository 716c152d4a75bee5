import { readFile } from "node:fs/promises";
import { readScenario, SCENARIO, type Scenario, THRESHOLDS } from "@shardcast/loadtest/scenario";
import { didYouMean } from "@shardcast/server/config/didYouMean";
import { YAMLParseError } from "yaml";
import { z } from "zod";
import { type CommandFailure, usageFailure } from "../command.ts";

const KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(SCENARIO.shape),
  thresholds: Object.keys(THRESHOLDS.shape),
};

/** Reads a scenario, and what the flags set above it. Rejects with all that is wrong with it. */
export async function scenarioOf(
  file: string | undefined,
  over: Readonly<Record<string, unknown>>,
): Promise<Scenario> {
  const name = file ?? "of the flags";
  const text = file === undefined ? "" : await readFile(file, "utf8").catch((error) => unread(file, error));
  try {
    return readScenario(text, over);
  } catch (error) {
    const faults =
      error instanceof z.ZodError
        ? error.issues.flatMap(faultsOf)
        : error instanceof YAMLParseError
          ? [`it is no YAML: ${error.message.trim()}`]
          : undefined;
    if (faults === undefined) throw error;
    const listed = faults.map((fault) => `\n  ${fault.replaceAll("\n", "\n  ")}`).join("");
    throw usageFailure(
      `the scenario ${name} cannot be used:${listed}`,
      "docs/load-testing.md lists what a scenario may hold.",
    );
  }
}

function unread(file: string, error: NodeJS.ErrnoException): never {
  throw cannotRead(file, error);
}

function cannotRead(file: string, { code, message }: NodeJS.ErrnoException): CommandFailure {
  const advice = /[/.]/.test(file)
    ? "Correct the path or its rights. Those that come with Shardcast are in loadtests/."
    : `Did you mean loadtests/${file}.yaml?`;
  return usageFailure(`the scenario ${file} cannot be read (${code ?? message})`, advice);
}

function faultsOf(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.join(".");
  if (issue.code !== "unrecognized_keys")
    return [`${at === "" ? "" : `${at}: `}${issue.message.replace(/^Invalid input: /, "")}`];
  return issue.keys.map((key) => {
    const similar = didYouMean(key, KEYS[at] ?? []);
    const meant = similar === undefined ? "" : ` Did you mean ${similar}?`;
    return `${at === "" ? "" : `${at}.`}${key}: there is no such key.${meant}`;
  });
}
