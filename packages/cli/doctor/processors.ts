import { cgroupLimits } from "./cgroup.ts";
import { type Finding, unknown, type Wanted } from "./finding.ts";
import type { Host } from "./host.ts";

/** Cores that this process may run on, by its mask: what `--shards auto` goes by. */
export function coresOf(host: Host): number | undefined {
  const [, list] = /^Cpus_allowed_list:\s+(\S+)/m.exec(host.read("/proc/self/status") ?? "") ?? [];
  if (list === undefined) return undefined;
  return list.split(",").reduce((sum, part) => {
    const [first = "", last = first] = part.split("-");
    return sum + Number(last) - Number(first) + 1;
  }, 0);
}

/** Whether each shard, and something beside them, has a core. */
export function processors(host: Host, { shards }: Wanted): Finding {
  const cores = coresOf(host);
  if (cores === undefined) return unknown("CPU", "/proc/self/status");
  const { cpus } = cgroupLimits(host);
  const share = Math.min(cores, cpus ?? cores);
  const found = `${cores} cores${cpus === undefined ? "" : `, of which the control group gives ${Number(cpus.toFixed(2))}`}, for ${shards} shards`;
  if (share >= shards) return { name: "CPU", status: "ok", found };
  const isQuota = cpus !== undefined && cpus < cores;
  return {
    name: "CPU",
    status: "warn",
    found,
    why: isQuota
      ? "--shards auto counts cores and not the quota; a group that has used its time up stands still until the next period, with all of its clients"
      : "shards that share a core wait for one another: each turn of one is latency of the other",
    set: isQuota
      ? `shardcast serve --shards ${Math.max(1, Math.floor(share))}, or a larger quota`
      : `shardcast serve --shards ${Math.max(1, share - 1)}`,
  };
}
