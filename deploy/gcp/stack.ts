import type { CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { Settings } from "./settings/schema.ts";

/** What every part of a stack is told. */
export interface Stack {
  readonly settings: Settings;
  readonly project: string;
  /** On everything that takes labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** For resources that nothing else of the stack comes before: they wait for the project's APIs. */
  readonly first: CustomResourceOptions;
  /** The same for what would be missed: Pulumi refuses to delete it. */
  readonly kept: CustomResourceOptions;
}

/** A name within the stack, such as `shardcast-europe-west1-nat`. */
export function named({ settings }: Pick<Stack, "settings">, ...parts: readonly string[]): string {
  return [settings.name, ...parts].join("-");
}

export function regionsOf({
  settings,
}: Pick<Stack, "settings">): Array<[string, Settings["regions"][string]]> {
  return Object.entries(settings.regions);
}
