import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Of Linux' table of TCP states. */
const TCP_LISTEN = "0A";

/** Those of this process that listen on a port. Bun does not tell them: they are found in `/proc`. None but on Linux. */
export function listeningDescriptors(port: number): number[] {
  if (process.platform !== "linux") return [];
  const inodes = new Set(listeningInodes(port));
  return inodes.size === 0 ? [] : descriptorsOf(inodes);
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
