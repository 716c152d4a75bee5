import type { SeenInstance } from "./clusterView.ts";

/** Why clients are not moved now. */
export type Hindrance =
  /** There is no other instance of this region that serves clients. */
  | "alone"
  /** An instance is not well: what it holds, or could take, means nothing. */
  | "unhealthy"
  /** An instance has not been heard of for a while. */
  | "silent";

/** How evenly the clients of a region are spread, as one instance sees it. */
export interface Balance {
  /** Instances of this region that serve clients. */
  readonly members: readonly SeenInstance[];
  readonly connections: number;
  readonly mean: number;
  /** The greatest distance of an instance from the mean, in clients and as a share of the mean. */
  readonly distance: number;
  readonly spread: number;
  /** Clients that this instance has above the mean, and of those that all such instances have. */
  readonly excess: number;
  readonly excessOfAll: number;
  readonly hindrance: Hindrance | undefined;
}

/** Somebody asked for it, and it can not be done now. */
export class RebalanceRefused extends Error {
  override readonly name = "RebalanceRefused";
}

/** Announcements come every 2 s: two were missed. */
const SILENT_MS = 6000;
/** A full instance is not well either, and the very one that clients are to be moved from. */
const HARMLESS = ["connections"];

/** Compares the instances that one load balancer has behind it: those of a region. */
export function balanceOf(instances: readonly SeenInstance[]): Balance {
  const self = instances.find(({ isSelf }) => isSelf);
  const members = instances.filter(
    ({ region, connectionsMax }) => region === self?.region && connectionsMax > 0,
  );
  const total = members.reduce((sum, { connections }) => sum + connections, 0);
  const mean = members.length === 0 ? 0 : total / members.length;
  const distance = Math.max(0, ...members.map(({ connections }) => Math.abs(connections - mean)));
  const connections = self?.connections ?? 0;
  const above = (held: number) => Math.max(0, Math.floor(held - mean));
  return {
    members,
    connections,
    mean,
    distance,
    spread: mean === 0 ? 0 : distance / mean,
    excess: self !== undefined && members.includes(self) ? above(connections) : 0,
    excessOfAll: members.reduce((sum, member) => sum + above(member.connections), 0),
    hindrance: hindranceOf(members, self),
  };
}

function hindranceOf(
  members: readonly SeenInstance[],
  self: SeenInstance | undefined,
): Hindrance | undefined {
  if (self === undefined || !members.includes(self) || members.length < 2) return "alone";
  if (members.some(({ ageMs }) => ageMs > SILENT_MS)) return "silent";
  return members.every(isWell) ? undefined : "unhealthy";
}

/** Versions that do not tell what ails them, and instances that do not know it yet, are well when they say `ok`. */
function isWell({ status, ailing = [] }: SeenInstance): boolean {
  return status === "ok" || (ailing.length > 0 && ailing.every((check) => HARMLESS.includes(check)));
}
