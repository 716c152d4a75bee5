import { spawnSync } from "node:child_process";

/** How tests come by one real service. */
export interface ServiceRecipe {
  readonly name: string;
  /** Names the environment variable that holds the address of a service which already runs. */
  readonly environment: string;
  /** Programs that must all be there to start the service on this machine; the first is the service itself. */
  readonly programs: readonly string[];
  readonly debianPackages: readonly string[];
  readonly image: string | undefined;
}

export type ServiceLocation =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "container"; readonly engine: string; readonly image: string };

const found = new Map<string, ServiceLocation | undefined>();

/**
 * Finds a service: a running one named by the environment, a program on this machine, a container engine that really
 * runs, Debian packages where we are root. Returns undefined, after saying so loudly, where none of them can be had;
 * throws instead when `SHARDCAST_REQUIRE_SERVICES` (a comma list of names, or `all`) asks for it, because a test run
 * that silently skips its services proves nothing.
 */
export function findService(recipe: ServiceRecipe): ServiceLocation | undefined {
  if (!found.has(recipe.name)) found.set(recipe.name, search(recipe));
  const location = found.get(recipe.name);
  if (location === undefined)
    reportMissing(recipe.name, `set ${recipe.environment}, or install ${recipe.programs.join(" and ")}`);
  return location;
}

/**
 * Reports a service that can not be had: throws where it is required, otherwise prints why its tests are skipped. What has
 * to be compiled here is no part of `all`: it is required only where it is named.
 */
export function reportMissing(name: string, remedy: string, isPartOfAll = true): void {
  const message = `The service ${name} is not available: ${remedy}.`;
  if (isRequired(name, isPartOfAll))
    throw new Error(`${message} SHARDCAST_REQUIRE_SERVICES names it, so this is a failure.`);
  console.error(`\n*** SKIPPED: ${message} Tests that need it do not run. ***\n`);
}

function isRequired(name: string, isPartOfAll: boolean): boolean {
  const required = (process.env["SHARDCAST_REQUIRE_SERVICES"] ?? "").split(",").map((entry) => entry.trim());
  return (isPartOfAll && required.includes("all")) || required.includes(name);
}

function search(recipe: ServiceRecipe): ServiceLocation | undefined {
  const address = process.env[recipe.environment];
  if (address !== undefined && address !== "") return { kind: "address", address };
  return (
    program(recipe) ??
    container(recipe) ??
    (installPackages(recipe.debianPackages) ? program(recipe) : undefined)
  );
}

function program(recipe: ServiceRecipe): ServiceLocation | undefined {
  const paths = recipe.programs.map((name) => Bun.which(name));
  const path = paths[0];
  return path != null && !paths.includes(null) ? { kind: "program", path } : undefined;
}

function container(recipe: ServiceRecipe): ServiceLocation | undefined {
  if (recipe.image === undefined) return undefined;
  for (const engine of ["docker", "podman"]) {
    if (Bun.which(engine) === null) continue;
    // An installed client proves nothing: only an engine that answers can run something.
    if (spawnSync(engine, ["info"], { stdio: "ignore", timeout: 10_000 }).status === 0) {
      return { kind: "container", engine, image: recipe.image };
    }
  }
  return undefined;
}

export function installPackages(packages: readonly string[]): boolean {
  if (packages.length === 0 || process.getuid?.() !== 0 || Bun.which("apt-get") === null) return false;
  console.error(`Installing for the tests: ${packages.join(" ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const run = (args: string[]) =>
    spawnSync("apt-get", args, { stdio: "ignore", env: environment, timeout: 600_000 }).status === 0;
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  return run(install) || (run(["update"]) && run(install));
}
