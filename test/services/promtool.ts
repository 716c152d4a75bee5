import { findService, type ServiceRecipe } from "./find.ts";

const RECIPE: ServiceRecipe = {
  name: "promtool",
  environment: "SHARDCAST_TEST_PROMTOOL",
  programs: ["promtool"],
  debianPackages: ["prometheus"],
  image: undefined,
};

/** The path of Prometheus' own checker of metrics and rules; undefined, loudly, where it can not be had. */
export function promtoolProgram(): string | undefined {
  const location = findService(RECIPE);
  if (location?.kind === "address") return location.address;
  return location?.kind === "program" ? location.path : undefined;
}
