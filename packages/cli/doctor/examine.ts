import { filesOfMachine, filesOfProcess, ownCap } from "./files.ts";
import type { Finding, Wanted } from "./finding.ts";
import type { Host } from "./host.ts";
import { buffers, memory, tcpMemory } from "./memory.ts";
import { backlog, conntrack, listeners, migration, ports } from "./network.ts";
import { processors } from "./processors.ts";
import { clock, kernel, runtime } from "./time.ts";

export interface Examination {
  readonly wanted: Wanted;
  readonly findings: readonly Finding[];
  /** The check that allows the fewest clients. */
  readonly limit: { readonly name: string; readonly clientsMax: number } | undefined;
  /** Whether nothing stands in the way of the wanted number of clients. */
  readonly fits: boolean;
}

export function examine(host: Host, wanted: Wanted): Examination {
  const findings = [
    filesOfProcess(host, wanted),
    filesOfMachine(host, wanted),
    memory(host, wanted),
    tcpMemory(host, wanted),
    conntrack(host, wanted),
    ownCap(wanted),
    backlog(host, wanted),
    buffers(host),
    ports(host, wanted),
    listeners(host, wanted),
    migration(host, wanted),
    processors(host, wanted),
    kernel(host),
    clock(host),
    runtime(host),
  ];
  const [limit] = findings
    .flatMap(({ name, clientsMax }) => (clientsMax === undefined ? [] : [{ name, clientsMax }]))
    .sort((a, b) => a.clientsMax - b.clientsMax);
  return { wanted, findings, limit, fits: findings.every(({ status }) => status !== "bad") };
}
