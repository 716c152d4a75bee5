import type { ClusterMember, TestCluster } from "./cluster.fixture.ts";

export interface ClusterDescription {
  readonly instances: ReadonlyArray<{
    readonly id: string;
    readonly region: string;
    readonly role: string;
    readonly isSelf: boolean;
  }>;
  readonly problems: ReadonlyArray<{ readonly kind: string }>;
  readonly totals: { readonly connections: number; readonly connectionsMax: number };
}

/** What an instance tells of its cluster. */
export async function clusterOf(adminPort: number): Promise<ClusterDescription> {
  return (await (await fetch(`http://127.0.0.1:${adminPort}/api/cluster`)).json()) as ClusterDescription;
}

export type Checks = Record<string, { readonly status: string; readonly value: string | number }>;

/** What an instance tells of itself, on its admin port. */
export async function healthOf(
  member: ClusterMember | undefined,
): Promise<{ readonly status: number; readonly checks: Checks }> {
  const response = await fetch(`http://127.0.0.1:${member?.adminPort}/health`);
  return { status: response.status, checks: ((await response.json()) as { checks: Checks }).checks };
}

/** How many instances HAProxy gives clients to. */
export async function serversUp({ haproxy }: TestCluster): Promise<number> {
  return (await haproxy.servers()).filter(({ status }) => status === "UP").length;
}

/** The sum of a metric over an instance's shards; `labels` must be among its labels. Fails where there is none. */
export async function metricOf(
  member: Pick<ClusterMember, "adminPort">,
  name: string,
  labels = "",
): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${member.adminPort}/metrics`)).text();
  const values = text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
    .map((line) => Number(line.slice(line.lastIndexOf(" "))));
  if (values.length === 0) throw new Error(`no metric ${name}{${labels}}`);
  return values.reduce((sum, value) => sum + value, 0);
}

/** Waits for a condition of real processes, and fails after 40 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await Bun.sleep(100);
  }
}
