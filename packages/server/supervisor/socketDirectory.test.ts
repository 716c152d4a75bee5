import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUS_SOCKET, makeSocketDirectory, sweepSocketDirectories } from "./socketDirectory.ts";

async function listenIn(directory: string) {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(join(directory, "first"), resolve));
  // Closing removes a socket by the name that it was made with: by another one it stays, as after a kill -9.
  renameSync(join(directory, "first"), join(directory, BUS_SOCKET));
  return () => new Promise((resolve) => server.close(resolve));
}

function age(directory: string): void {
  const then = new Date(Date.now() - 3_600_000);
  utimesSync(directory, then, then);
}

test("what a killed supervisor left is removed, and no directory that is used, starts, or is another program's", async () => {
  const parent = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  try {
    const killed = makeSocketDirectory(parent);
    await (await listenIn(killed))();
    const neverListened = makeSocketDirectory(parent);
    const used = makeSocketDirectory(parent);
    const endUsed = await listenIn(used);
    for (const directory of [killed, neverListened, used]) age(directory);
    const starting = makeSocketDirectory(parent);
    const others = join(parent, "shardcast-data");
    mkdirSync(others);
    age(others);
    try {
      expect(existsSync(join(killed, BUS_SOCKET))).toBe(true);
      expect(await sweepSocketDirectories(parent)).toBe(2);
      expect([killed, neverListened].some(existsSync)).toBe(false);
      expect([used, starting, others].every(existsSync)).toBe(true);
      expect(await sweepSocketDirectories(parent)).toBe(0);
    } finally {
      await endUsed();
    }
  } finally {
    rmSync(parent, { recursive: true });
  }
});
