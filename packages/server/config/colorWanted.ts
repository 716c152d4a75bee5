/**
 * Whether an output may carry colours. `FORCE_COLOR` decides where it says something, as it is the more particular wish:
 * a log viewer of a CI run is no terminal and shows colours. Then `NO_COLOR`, then whether somebody reads along on a
 * terminal that knows them.
 */
export function isColorWanted(
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return !["0", "false"].includes(forced.toLowerCase());
  if (env["NO_COLOR"]) return false;
  return isTerminal && env["TERM"] !== "dumb";
}
