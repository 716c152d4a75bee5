import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findService } from "./find.ts";
import { startGuarded } from "./guardedProcess.ts";

export const CHROMIUM_FLAGS = [
  // Its sandbox wants an unprivileged user, whom a container has not; the pages are our own.
  "--no-sandbox",
  "--disable-dev-shm-usage",
];

/** The path of Chromium, for tests in a real browser; undefined, loudly, where it can not be had. */
export function chromiumProgram(): string | undefined {
  const location = findService({
    name: "chromium",
    environment: "SHARDCAST_TEST_CHROMIUM",
    programs: ["chromium"],
    debianPackages: ["chromium"],
    image: undefined,
  });
  if (location?.kind === "address") return location.address;
  return location?.kind === "program" ? location.path : undefined;
}

/** Opens a page in a browser of its own, without a window and without anybody who drives it: the page tells what it found. */
export async function openPage(program: string, url: string): Promise<{ close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-chromium-"));
  const flags = [
    "--headless=new",
    ...CHROMIUM_FLAGS,
    "--disable-gpu",
    "--no-first-run",
    `--user-data-dir=${join(directory, "profile")}`,
  ];
  const browser = await startGuarded([program, ...flags, url], {
    logFile: join(directory, "chromium.log"),
    directory,
  });
  return {
    async close() {
      await browser.stop();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
