import { CONNECTIONS_AUTO_MAX } from "@shardcast/server/config/resolveValues";
import { FILES_RESERVED_PER_SHARD } from "@shardcast/server/supervisor/hostLimits";
import { type Finding, limited, unknown, type Wanted, whole } from "./finding.ts";
import { type Host, numberAt } from "./host.ts";

/** Files that one process may open: each client is one of its shard's. */
export function filesOfProcess(host: Host, wanted: Wanted): Finding {
  const limits = /^Max open files\s+(\S+)\s+(\S+)/m.exec(host.read("/proc/self/limits") ?? "");
  const [, softText = "", hardText = ""] = limits ?? [];
  if (limits === null) return unknown("files", "/proc/self/limits");
  const soft = softText === "unlimited" ? Number.POSITIVE_INFINITY : Number(softText);
  if (soft === Number.POSITIVE_INFINITY)
    return { name: "files", status: "ok", found: "as many as a process wants" };
  const clients = wanted.shards * Math.max(0, soft - FILES_RESERVED_PER_SHARD);
  const needed = Math.ceil(wanted.connections / wanted.shards) + FILES_RESERVED_PER_SHARD;
  const isWithinHard = hardText === "unlimited" || Number(hardText) >= needed;
  return limited(clients, wanted, {
    name: "files",
    found: `${whole(soft)} a process (hard limit ${hardText}): ${wanted.shards} shard(s) hold ${whole(clients)}`,
    why: `each client is a file of its shard, and ${FILES_RESERVED_PER_SHARD} are kept back: ${whole(needed)} are needed`,
    set: isWithinHard
      ? `ulimit -n ${needed}`
      : `LimitNOFILE=${needed} in the systemd unit, --ulimit nofile=${needed}:${needed} of a container`,
  });
}

/** Files of the whole machine, of which a container has no share of its own. */
export function filesOfMachine(host: Host, wanted: Wanted): Finding {
  const max = numberAt(host, "/proc/sys/fs/file-max");
  const used = numberAt(host, "/proc/sys/fs/file-nr") ?? 0;
  if (max === undefined) return unknown("files of all", "/proc/sys/fs/file-max");
  const needed = used + wanted.connections + (wanted.shards + 1) * FILES_RESERVED_PER_SHARD;
  return limited(max - used - (wanted.shards + 1) * FILES_RESERVED_PER_SHARD, wanted, {
    name: "files of all",
    found: `${whole(max)} on this machine, ${whole(used)} in use`,
    why: "the kernel gives out no more files than this to all processes together",
    set: `sysctl -w fs.file-max=${needed}`,
  });
}

/** Shardcast's own cap, which follows the files only so far. */
export function ownCap(wanted: Wanted): Finding {
  return limited(CONNECTIONS_AUTO_MAX, wanted, {
    name: "own cap",
    found: `--max-connections auto is at most ${whole(CONNECTIONS_AUTO_MAX)}`,
    why: "more has to be asked for, so that nobody is surprised by its memory",
    set: `shardcast serve --max-connections ${wanted.connections}`,
  });
}
