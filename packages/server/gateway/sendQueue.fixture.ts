import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * What Linux holds unsent or unconfirmed for each connection that this process has accepted on the port, in bytes. Others may
 * go out from a port of the same number, on another address.
 */
export function kernelSendQueues(port: number): number[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const own = ownSockets();
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((table) =>
    readFileSync(table, "latin1")
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
      .filter(
        ([, local = "", , state, , , , , , inode = ""]) =>
          local.endsWith(suffix) && state === "01" && own.has(inode),
      )
      .map(([, , , , queues = ""]) => Number.parseInt(queues.split(":")[0] ?? "", 16)),
  );
}

/** Inodes of the sockets that this process holds. */
function ownSockets(): ReadonlySet<string> {
  const targets = readdirSync("/proc/self/fd").map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      // That of the directory itself is closed by now.
      return "";
    }
  });
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}
