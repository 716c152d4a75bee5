import type { Settings } from "./schema.ts";

/** Processors, as the name of a machine type tells them; the small ones of E2 share theirs and are told to have two. */
export function vcpusOf({ machineType }: Settings): number {
  const [, count = "2"] = /^[a-z0-9]+-(?:[a-z]+-)?(\d+)/.exec(machineType) ?? [];
  return Number(count);
}

/** One for each core but one, where the stack says nothing, as Shardcast does by itself. */
export function shardsOf(settings: Settings): number {
  const given = Number(settings.settings["shards"]);
  return given >= 1 ? given : Math.max(1, vcpusOf(settings) - 1);
}
