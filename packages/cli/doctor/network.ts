import { type Finding, limited, unknown, type Wanted, whole } from "./finding.ts";
import { type Host, numberAt } from "./host.ts";

/** A shard asks for as many as the kernel allows; so many it allows where nobody has set less. */
const QUEUE_WANTED = 4096;
/** Beyond these, handshakes of TCP go on with cookies in the place of memory. */
const SYN_QUEUE_WANTED = 512;

export function backlog(host: Host, wanted: Wanted): Finding {
  const path = "/proc/sys/net/core/somaxconn";
  const somaxconn = numberAt(host, path);
  const syn = numberAt(host, "/proc/sys/net/ipv4/tcp_max_syn_backlog") ?? Number.POSITIVE_INFINITY;
  if (somaxconn === undefined) return unknown("backlog", path);
  const found = `${somaxconn} connections may wait at each of ${wanted.shards} shards (tcp_max_syn_backlog ${syn})`;
  if (somaxconn >= QUEUE_WANTED && syn >= SYN_QUEUE_WANTED) return { name: "backlog", status: "ok", found };
  return {
    name: "backlog",
    status: "warn",
    found,
    why: "a shard takes connections between its messages, so that a crowd does not hold these up: who finds no place in the kernel's queue tries again after 1 s and more",
    set: "sysctl -w net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096",
  };
}

/** Where shards share a port, a connection that waits belongs to one of them already. */
export function migration(host: Host, wanted: Wanted): Finding {
  const path = "/proc/sys/net/ipv4/tcp_migrate_req";
  const value = numberAt(host, path);
  if (value === undefined) return unknown("tcp_migrate_req", path);
  if (value === 1 || wanted.shards === 1) return { name: "tcp_migrate_req", status: "ok", found: `${value}` };
  return {
    name: "tcp_migrate_req",
    status: "warn",
    found: `${value}, so connections that wait at a shard which ends are reset`,
    why: "all shards listen on one port, each with a queue of its own; with 1 the kernel hands a dead shard's queue to the others (Linux 5.14 and later)",
    set: "sysctl -w net.ipv4.tcp_migrate_req=1",
  };
}

/** Ports that outgoing connections take, for themselves, may be those that Shardcast wants to listen on. */
export function ports(host: Host, wanted: Wanted): Finding {
  const path = "/proc/sys/net/ipv4/ip_local_port_range";
  const [first, last] = [numberAt(host, path, 0), numberAt(host, path, 1)];
  if (first === undefined || last === undefined) return unknown("ports", path);
  const width = last - first + 1;
  const found = `${first} to ${last}: ${whole(width)} connections out to each address and port`;
  const reserved = reservedPorts(host.read("/proc/sys/net/ipv4/ip_local_reserved_ports") ?? "");
  const inRange = [wanted.port, wanted.adminPort].filter(
    (port) => port >= first && port <= last && !reserved.some(([from, to]) => port >= from && port <= to),
  );
  if (inRange.length === 0) return { name: "ports", status: "ok", found };
  return {
    name: "ports",
    status: "warn",
    found: `${found}; Shardcast's own ${inRange.join(" and ")} ${inRange.length > 1 ? "are" : "is"} among them`,
    why: "any outgoing connection may have such a port when Shardcast starts, which is then refused as taken",
    set: `sysctl -w net.ipv4.ip_local_reserved_ports=${[...reserved.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)), ...inRange].join(",")}`,
  };
}

function reservedPorts(text: string): Array<readonly [from: number, to: number]> {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [from = "", to = from] = part.split("-");
      return [Number(from), Number(to)] as const;
    });
}

/** Who listens already on the ports that Shardcast wants. */
export function listeners(host: Host, wanted: Wanted): Finding {
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => host.read(path));
  if (tables.every((table) => table === undefined)) return unknown("listeners", "/proc/net/tcp");
  const listening = tables.flatMap((table) => listeningPorts(table ?? ""));
  const taken = [wanted.port, wanted.adminPort].filter((port) => listening.includes(port));
  const wantedPorts = `${wanted.port} and ${wanted.adminPort}`;
  if (taken.length === 0) return { name: "listeners", status: "ok", found: `ports ${wantedPorts} are free` };
  return {
    name: "listeners",
    status: "warn",
    found: `somebody listens on ${taken.join(" and ")}: a Shardcast that runs, or another program`,
    why: "a second instance on the same ports is refused at start",
    set: "shardcast health tells whether it is Shardcast; otherwise choose --port and --admin-port",
  };
}

function listeningPorts(table: string): number[] {
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === "0A")
    .map(([, local = ""]) => Number.parseInt(local.split(":")[1] ?? "", 16));
}

/** Of the kernel's table of connections, so much may be Shardcast's clients. */
const CONNTRACK_SHARE = 0.8;

export function conntrack(host: Host, wanted: Wanted): Finding {
  const path = "/proc/sys/net/netfilter/nf_conntrack_max";
  const max = numberAt(host, path);
  if (max === undefined)
    return {
      name: "conntrack",
      status: "ok",
      found: "connections are not tracked here, or not in this namespace",
    };
  const used = numberAt(host, "/proc/sys/net/netfilter/nf_conntrack_count") ?? 0;
  const needed = Math.ceil(wanted.connections / CONNTRACK_SHARE);
  return limited(Math.floor(max * CONNTRACK_SHARE), wanted, {
    name: "conntrack",
    found: `${whole(max)} connections may be tracked, ${whole(used)} are`,
    why: "a firewall or NAT on this host keeps a line for each connection, and drops new ones once the table is full",
    set: `sysctl -w net.netfilter.nf_conntrack_max=${needed}`,
  });
}
