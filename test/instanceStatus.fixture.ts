import type { TestInstance } from "./instance.fixture.ts";

export interface Health {
  readonly status: string;
  readonly checks: Record<string, { status: string; value: unknown }>;
  readonly shards: ReadonlyArray<{ shard: number; state: string }>;
}

export interface InstanceDescription {
  readonly port: number;
  readonly shards: ReadonlyArray<{
    readonly pid?: number;
    readonly state: string;
    readonly restarts: number;
    /** Of its last beat. */
    readonly stats?: { readonly publications: number };
  }>;
}

/** What an instance tells of itself on its admin port. */
export function health(instance: TestInstance): Promise<Health> {
  return getJson(`${instance.admin}/health`);
}

export function describeInstance(instance: TestInstance): Promise<InstanceDescription> {
  return getJson(`${instance.admin}/api/instance`);
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
