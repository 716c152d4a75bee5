import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A control group that this process is in and that may limit its memory. */
export interface MemoryCgroup {
  readonly version: 1 | 2;
  readonly directory: string;
}

export interface CgroupMemory {
  /** Without what the kernel can drop at any time: pages of files. */
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/**
 * The groups of this process that account memory, from its own up to the highest that can be seen: each of them may have
 * a limit, and the one that is reached first counts. Finds version 1, 2, and both side by side. `root` is where `proc` and
 * the mounts begin; only tests have another.
 */
export function memoryCgroups(root = "/"): MemoryCgroup[] {
  const membership = read(join(root, "proc/self/cgroup"));
  const mounts = read(join(root, "proc/self/mountinfo"));
  if (membership === undefined || mounts === undefined) return [];
  return mounts.split("\n").flatMap((line) => {
    const mount = parseMount(line);
    if (mount === undefined) return [];
    const path = pathIn(membership, mount.version);
    return path === undefined ? [] : upwards(mount, path, root);
  });
}

/** Undefined where the group has no limit, or does not tell. */
export function readMemory({ version, directory }: MemoryCgroup): CgroupMemory | undefined {
  const [usage, limit] = FILES[version].map((file) => read(join(directory, file))?.trim());
  // "max" of version 2 is no number; version 1 says "no limit" by the greatest multiple of a page.
  if (usage === undefined || limit === undefined || !/^\d+$/.test(limit)) return undefined;
  const limitBytes = Number(limit);
  if (!/^\d+$/.test(usage) || limitBytes >= NO_LIMIT_BYTES) return undefined;
  const stat = read(join(directory, "memory.stat")) ?? "";
  const prefix = version === 1 ? "total_" : "";
  const droppable = statOf(stat, `${prefix}inactive_file`) + statOf(stat, `${prefix}active_file`);
  return { usedBytes: Math.max(0, Number(usage) - droppable), limitBytes };
}

const FILES = {
  1: ["memory.usage_in_bytes", "memory.limit_in_bytes"],
  2: ["memory.current", "memory.max"],
} as const;
const NO_LIMIT_BYTES = 2 ** 60;

interface Mount {
  readonly version: 1 | 2;
  /** Where in the hierarchy the mount begins: a container often sees only its own part. */
  readonly from: string;
  readonly at: string;
}

/** A line of mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type, source, options. */
function parseMount(line: string): Mount | undefined {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , from, at] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (from === undefined || at === undefined) return undefined;
  if (type === "cgroup2") return { version: 2, from, at };
  if (type === "cgroup" && options.split(",").includes("memory")) return { version: 1, from, at };
  return undefined;
}

/** Lines of /proc/self/cgroup are `id:controllers:path`; version 2 has id 0 and no controllers. */
function pathIn(membership: string, version: 1 | 2): string | undefined {
  for (const line of membership.split("\n")) {
    const [id, controllers = "", ...path] = line.split(":");
    const isIt = version === 2 ? id === "0" && controllers === "" : controllers.split(",").includes("memory");
    if (isIt) return path.join(":");
  }
  return undefined;
}

function upwards({ version, from, at }: Mount, path: string, root: string): MemoryCgroup[] {
  const base = from === "/" ? "" : from;
  // Where the path leads elsewhere, the mount itself is all that can be seen, and it is what limits a container.
  const below = path.startsWith(`${base}/`) && !path.includes("..") ? path.slice(base.length) : "";
  const names = below.split("/").filter((name) => name !== "");
  return Array.from({ length: names.length + 1 }, (_, up) => ({
    version,
    directory: join(root, at, ...names.slice(0, names.length - up)),
  }));
}

function statOf(stat: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux, no such group, or a group that went meanwhile: none of them limits anything.
    return undefined;
  }
}
