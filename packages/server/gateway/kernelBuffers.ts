import { FFIType, ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { openLibc } from "../libc.ts";

/** What the kernel may hold unsent for one client, in bytes: enough for any line at one message's pace. */
const KERNEL_BYTES = { min: 16 * 1024, max: 128 * 1024 } as const;

/** Of `linux/tcp.h` and of Linux' table of TCP states. */
const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;
const TCP_LISTEN = "0A";

/** The part of a client's byte budget that is spent in the kernel. */
export function kernelShareOf(budgetBytes: number): number {
  return Math.max(KERNEL_BYTES.min, Math.min(KERNEL_BYTES.max, Math.floor(budgetBytes / 4)));
}

/**
 * Bounds what the kernel takes from this process for each client of a port and has not sent yet. Without it a stalled client
 * fills its send buffer up to the maximum of `net.ipv4.tcp_wmem`, 4 MB as a rule, before this process notices anything.
 * The bound is not on what is under way, so a long line stays as fast as it was. Accepted connections inherit it from the
 * listening one, whose number Bun does not tell: it is found in `/proc`. Returns whether it holds: only on Linux.
 */
export function limitKernelBuffers(port: number, bytesMax: number): boolean {
  if (process.platform !== "linux") return false;
  const inodes = new Set(listeningInodes(port));
  const descriptors = inodes.size === 0 ? [] : descriptorsOf(inodes);
  const setOption = descriptors.length === 0 ? undefined : openSetOption();
  if (setOption === undefined) return false;
  return descriptors.every((descriptor) => setOption(descriptor, bytesMax));
}

/** All processes of this network; others' are sorted out by `descriptorsOf`. */
function* listeningInodes(port: number): Generator<string, void> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    for (const row of readLines(table)) {
      const [, local = "", , state, , , , , , inode] = row.trim().split(/\s+/);
      if (state === TCP_LISTEN && local.endsWith(suffix) && inode !== undefined) yield inode;
    }
  }
}

/** A machine without IPv6 has no table of it. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch {
    return [];
  }
}

function descriptorsOf(inodes: ReadonlySet<string>): number[] {
  return readdirSync("/proc/self/fd").flatMap((name) => {
    const inode = /^socket:\[(\d+)\]$/.exec(targetOf(name))?.[1];
    return inode !== undefined && inodes.has(inode) ? [Number(name)] : [];
  });
}

/** Some are closed by the time that they are looked at, such as that of the directory itself. */
function targetOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    return "";
  }
}

function openSetOption(): ((descriptor: number, value: number) => boolean) | undefined {
  const libc = openLibc({
    setsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i32,
    },
  });
  return (
    libc &&
    ((descriptor, value) => {
      const bytes = new Int32Array([value]);
      return libc.setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, ptr(bytes), bytes.byteLength) === 0;
    })
  );
}
