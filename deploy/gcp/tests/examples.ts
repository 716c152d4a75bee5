import { Glob } from "bun";
import { pretend, type SeenResource } from "../mocks.ts";
import { readStackFile } from "../settings/stackFile.ts";

export const ROOT = new URL("../../../", import.meta.url).pathname;
export const GCP = `${ROOT}deploy/gcp/`;

export const EXAMPLES = [...new Glob("*.yaml").scanSync(`${GCP}examples`)].sort();

const built = new Map<string, Promise<readonly SeenResource[]>>();
let last: Promise<unknown> = Promise.resolve();

/** What an example makes. */
export function example(name: string): Promise<readonly SeenResource[]> {
  const resources = built.get(name) ?? changed(name, {});
  built.set(name, resources);
  return resources;
}

/** What an example makes with some settings changed. One after the other: Pulumi's runtime is one for the process. */
export function changed(
  name: string,
  config: Readonly<Record<string, string>>,
): Promise<readonly SeenResource[]> {
  const resources = last.then(() => pretend({ ...readStackFile(`${GCP}examples/${name}`), ...config }));
  last = resources.catch(() => {});
  return resources;
}

/** Those whose type ends so, such as `compute/firewall:Firewall` or `Firewall`. */
export function ofType(resources: readonly SeenResource[], type: string): SeenResource[] {
  return resources.filter((resource) => resource.type.endsWith(`:${type}`));
}

/** Every text in a value, with the way to it. */
export function texts(value: unknown, path = ""): Array<readonly [path: string, text: string]> {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => texts(entry, path === "" ? key : `${path}.${key}`));
}
