import { readFileSync } from "node:fs";

/** What Linux holds unsent or unconfirmed for each connection that was accepted on the port, in bytes. */
export function kernelSendQueues(port: number): number[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((table) =>
    readFileSync(table, "latin1")
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
      .filter(([, local = "", , state]) => local.endsWith(suffix) && state === "01")
      .map(([, , , , queues = ""]) => Number.parseInt(queues.split(":")[0] ?? "", 16)),
  );
}
