import { findService, type ServiceRecipe } from "./find.ts";

/** Debian's own package is older than what the launchers need, so it is not installed. */
const RECIPE: ServiceRecipe = {
  name: "node",
  environment: "SHARDCAST_TEST_NODE",
  programs: ["node"],
  debianPackages: [],
  image: undefined,
};

/** The path of Node, which launches Shardcast where there is no Bun; undefined, loudly, where it can not be had. */
export function nodeProgram(): string | undefined {
  const location = findService(RECIPE);
  if (location?.kind === "address") return location.address;
  return location?.kind === "program" ? location.path : undefined;
}
