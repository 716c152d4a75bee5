import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Host, hostAt } from "./host.ts";

/** A host of 4 cores and 16 GiB on which nothing is to be found fault with. */
const GOOD: Readonly<Record<string, string>> = {
  "/proc/self/limits": limits(65_536, 65_536),
  "/proc/self/status": "Name:\tbun\nCpus_allowed_list:\t0-3\n",
  "/proc/self/cgroup": "0::/system.slice/shardcast.service\n",
  "/proc/meminfo": "MemTotal:       16384000 kB\nMemFree:        1000000 kB\n",
  "/proc/net/tcp": "  sl  local_address rem_address   st\n",
  "/proc/sys/fs/file-max": "1048576\n",
  "/proc/sys/fs/file-nr": "900\t0\t1048576\n",
  "/proc/sys/kernel/osrelease": "6.12.0\n",
  "/proc/sys/net/core/somaxconn": "4096\n",
  "/proc/sys/net/ipv4/tcp_max_syn_backlog": "4096\n",
  "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
  "/proc/sys/net/ipv4/ip_local_reserved_ports": "\n",
  "/proc/sys/net/ipv4/tcp_mem": "190000\t253000\t380000\n",
  "/proc/sys/net/ipv4/tcp_wmem": "4096\t16384\t1048576\n",
  "/proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n",
  "/proc/sys/net/ipv4/tcp_migrate_req": "1\n",
  "/sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
};

export function limits(soft: number | string, hard: number | string): string {
  return `Limit  Soft Limit  Hard Limit  Units\nMax cpu time  unlimited  unlimited  seconds\nMax open files            ${soft}                ${hard}                files\n`;
}

export interface HostFiles extends Disposable {
  readonly root: string;
  readonly host: Host;
}

/** A directory with the files of that host, these in their place; undefined takes one away. */
export function hostFiles(changes: Readonly<Record<string, string | undefined>> = {}): HostFiles {
  const root = mkdtempSync(join(tmpdir(), "shardcast-host-"));
  for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
    if (text === undefined) continue;
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return {
    root,
    host: { ...hostAt(root), isClockSynchronized: () => true },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
