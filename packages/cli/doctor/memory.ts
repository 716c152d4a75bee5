import { SETTINGS } from "@shardcast/server/config/settings";
import { clientMemoryBytes, fixedMemoryBytes, MEMORY_SHARE_MAX } from "../plan/memory.ts";
import { cgroupLimits } from "./cgroup.ts";
import { type Finding, limited, unknown, type Wanted, whole } from "./finding.ts";
import { type Host, numberAt } from "./host.ts";

/** Of the clients, that read nothing for a while; the same as a plan's. */
const STALLED_SHARE = 0.01;
const PAGE_BYTES = 4096;
const MIB = 2 ** 20;
const SEND_BUFFER_BYTES_MAX = MIB;
const WMEM = "/proc/sys/net/ipv4/tcp_wmem";

/** Memory of the machine, or of the control group where that has less. */
export function memory(host: Host, wanted: Wanted): Finding {
  const total = memoryBytes(host);
  if (total === undefined) return unknown("memory", "/proc/meminfo");
  const perClient = clientMemoryBytes({
    stalledShare: STALLED_SHARE,
    stalledBytes: sendBufferBytes(host) + SETTINGS.backpressureBytes.default,
  });
  const fixed = fixedMemoryBytes({
    shardsPerInstance: wanted.shards,
    historyBytesPerShard: SETTINGS.historyBytes.default,
    embeddedLogBytes: SETTINGS.embeddedLogBytes.default,
  });
  const clients = Math.max(0, Math.floor((total.bytes * MEMORY_SHARE_MAX - fixed) / perClient));
  return limited(clients, wanted, {
    name: "memory",
    found: `${whole(total.bytes / MIB)} MiB of ${total.of}: about ${whole(clients)} clients of ${whole(perClient / 1024)} KiB each`,
    why: "the kernel's out-of-memory killer ends a shard at the limit. Counted are processes, history, and buffers with one client in a hundred reading nothing",
    set: "a larger machine or limit, less --history-bytes, or a smaller net.ipv4.tcp_wmem",
  });
}

function memoryBytes(host: Host): { readonly bytes: number; readonly of: string } | undefined {
  const [, kib] = /^MemTotal:\s+(\d+) kB/m.exec(host.read("/proc/meminfo") ?? "") ?? [];
  const group = cgroupLimits(host).memoryBytes;
  const machine = kib === undefined ? undefined : Number(kib) * 1024;
  if (group !== undefined && (machine === undefined || group < machine))
    return { bytes: group, of: "the control group" };
  return machine === undefined ? undefined : { bytes: machine, of: "the machine" };
}

function sendBufferBytes(host: Host): number {
  return numberAt(host, WMEM, 2) ?? 4 * MIB;
}

/** What the kernel keeps for a client that reads nothing, before Shardcast's own limit is reached. */
export function buffers(host: Host): Finding {
  const max = numberAt(host, WMEM, 2);
  const receive = numberAt(host, "/proc/sys/net/ipv4/tcp_rmem", 2);
  if (max === undefined) return unknown("buffers", WMEM);
  const found = `a client that reads nothing pins up to ${whole(max / 1024)} KiB in the kernel (tcp_wmem), one that sends up to ${receive === undefined ? "?" : whole(receive / 1024)} KiB (tcp_rmem)`;
  if (max <= SEND_BUFFER_BYTES_MAX) return { name: "buffers", status: "ok", found };
  return {
    name: "buffers",
    status: "warn",
    found,
    why: "Shardcast notices a slow client only once the kernel's buffer is full, so a large one costs memory and hides for how long somebody has read nothing",
    set: `sysctl -w net.ipv4.tcp_wmem='4096 16384 ${SEND_BUFFER_BYTES_MAX}'`,
  };
}

/** Pages that all TCP buffers together may take; beyond it the kernel drops what comes in. */
export function tcpMemory(host: Host, wanted: Wanted): Finding {
  const path = "/proc/sys/net/ipv4/tcp_mem";
  const pages = numberAt(host, path, 2);
  if (pages === undefined) return unknown("tcp_mem", path);
  const perClient = STALLED_SHARE * sendBufferBytes(host);
  const clients = Math.floor((pages * PAGE_BYTES) / perClient);
  const needed = Math.ceil((wanted.connections * perClient) / PAGE_BYTES);
  return limited(clients, wanted, {
    name: "tcp_mem",
    found: `${whole((pages * PAGE_BYTES) / MIB)} MiB for all buffers of all connections`,
    why: "where one client in a hundred reads nothing, their buffers alone take more; at the limit the kernel drops packets of everybody",
    set: `sysctl -w net.ipv4.tcp_mem='${Math.ceil(needed * 0.75)} ${needed} ${Math.ceil(needed * 1.5)}', or a smaller net.ipv4.tcp_wmem`,
  });
}
