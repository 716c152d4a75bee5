import { didYouMean } from "./didYouMean.ts";
import type { Problem } from "./problem.ts";

const BEGIN = "SHARDCAST_";

/** What else may be called so: what the tests and the launcher of this project tell each other,
 * and what `tail` and `publish` show a server. */
const NOT_SETTINGS = /^SHARDCAST_(?:TEST_.*|(?:TOKEN|API_KEY)(?:_FILE)?|REQUIRE_SERVICES|LAUNCHED_BY)$/;

/** Finds variables that look like settings and are none. An empty variable counts as not set. */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  known: ReadonlySet<string>,
): Problem[] {
  const problems: Problem[] = [];
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith(BEGIN) || known.has(name) || NOT_SETTINGS.test(name)) continue;
    const similar = didYouMean(
      name.slice(BEGIN.length),
      [...known].map((one) => one.slice(BEGIN.length)),
    );
    problems.push({
      origin: { kind: "env", name },
      message: "there is no such setting",
      advice:
        similar === undefined ? "Unset it; --help lists all variables." : `Did you mean ${BEGIN}${similar}?`,
    });
  }
  return problems;
}
