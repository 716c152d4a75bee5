import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readKernelClock } from "./kernelClock.ts";

/** What a host tells of itself. */
export interface Host {
  /** A file such as `/proc/sys/net/core/somaxconn`, without the space around it; undefined where it is not there. */
  readonly read: (path: string) => string | undefined;
  /** Whether the kernel's clock follows a time server; undefined where nobody knows. */
  readonly isClockSynchronized: () => boolean | undefined;
  readonly bunVersion: string;
}

/** The files under `root`: `/`, or where another host's `/proc` and `/sys` are mounted or copied to. */
export function hostAt(root: string): Host {
  return {
    read: (path) => readOrUndefined(join(root, path)),
    isClockSynchronized: readKernelClock,
    bunVersion: Bun.version,
  };
}

/** One whole number in a file of its own, or the one at `index` of several. */
export function numberAt(host: Host, path: string, index = 0): number | undefined {
  const word = host.read(path)?.split(/\s+/)[index];
  return word !== undefined && /^\d+$/.test(word) ? Number(word) : undefined;
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // What is not there, or not ours to read, is one answer among others: not every kernel has every file.
    return undefined;
  }
}
