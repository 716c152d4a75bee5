import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFIX = "shardcast-instance-";
/** Whoever made a directory listens in it within moments: a younger one may belong to an instance that starts. */
const SETTLED_MS = 60_000;
/** The socket that every supervisor listens on. */
export const BUS_SOCKET = "bus.sock";

/** A directory for the Unix sockets of one instance's processes; only their owner may reach them. */
export function makeSocketDirectory(parent = tmpdir()): string {
  return mkdtempSync(join(parent, PREFIX));
}

/**
 * Removes what supervisors left behind that were killed with -9, so that restarts do not pile directories up. Nobody
 * listens there any more: that, unlike a process id, can not be taken for another's. Resolves with how many went.
 */
export async function sweepSocketDirectories(parent = tmpdir()): Promise<number> {
  let swept = 0;
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = join(parent, name);
    if (!isOwnAndSettled(directory) || !(await isAbandoned(join(directory, BUS_SOCKET)))) continue;
    rmSync(directory, { recursive: true, force: true });
    swept += 1;
  }
  return swept;
}

function isOwnAndSettled(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) return false;
  return Date.now() - found.mtimeMs > SETTLED_MS;
}

/** Only a refusal and a socket that never was say so: one that is too busy to answer is in use. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ECONNREFUSED" || error.code === "ENOENT"),
    );
  });
}
