import type { Host } from "./host.ts";

export interface CgroupLimits {
  readonly memoryBytes: number | undefined;
  /** Cores' worth of time. */
  readonly cpus: number | undefined;
}

/** The tightest limits of the control groups that this process is in: of version 2, or else of version 1. */
export function cgroupLimits(host: Host): CgroupLimits {
  const groups = (host.read("/proc/self/cgroup") ?? "").split("\n").map((line) => line.split(":"));
  const pathOf = (isMine: (controllers: string) => boolean) =>
    groups.find(([, controllers = ""]) => isMine(controllers))?.[2] ?? "/";
  const unified = folders(
    "/sys/fs/cgroup",
    pathOf((controllers) => controllers === ""),
  );
  const memory = folders(
    "/sys/fs/cgroup/memory",
    pathOf((controllers) => controllers.split(",").includes("memory")),
  );
  const cpu = folders(
    "/sys/fs/cgroup/cpu",
    pathOf((controllers) => controllers.split(",").includes("cpu")),
  );
  return {
    memoryBytes: least([
      ...unified.map((folder) => limit(host.read(`${folder}/memory.max`))),
      ...memory.map((folder) => limit(host.read(`${folder}/memory.limit_in_bytes`))),
    ]),
    cpus: least([
      ...unified.map((folder) => quota(host.read(`${folder}/cpu.max`))),
      ...cpu.map((folder) =>
        quota(`${host.read(`${folder}/cpu.cfs_quota_us`)} ${host.read(`${folder}/cpu.cfs_period_us`)}`),
      ),
    ]),
  };
}

/** A group and all above it, each of which may limit it. A container sees its own group as the topmost. */
function folders(mount: string, path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return Array.from({ length: parts.length + 1 }, (_, index) => [mount, ...parts.slice(0, index)].join("/"));
}

/** Version 1 writes a number near 2^63 where there is no limit. */
const NO_LIMIT = 2 ** 60;

function limit(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  return Number(text) < NO_LIMIT ? Number(text) : undefined;
}

function quota(text: string | undefined): number | undefined {
  const [, micros = "", period = ""] = /^(\d+) (\d+)$/.exec(text ?? "") ?? [];
  return micros === "" ? undefined : Number(micros) / Number(period);
}

function least(values: ReadonlyArray<number | undefined>): number | undefined {
  const limits = values.filter((value) => value !== undefined);
  return limits.length === 0 ? undefined : Math.min(...limits);
}
