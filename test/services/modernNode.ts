import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { reportMissing } from "./find.ts";

/** The first line of Node that has a WebSocket of its own. */
const MAJOR = 22;
const VERSION = "22.23.3";
const CACHE = join(import.meta.dir, "..", "..", ".cache", `node-${VERSION}`);

/**
 * The path of a Node that the SDK is for: the one named by `SHARDCAST_TEST_MODERN_NODE` or found on the path where it is
 * young enough, otherwise one that npm fetches once, from its platform's package. Undefined, loudly, where none can be had.
 */
export function modernNode(): string | undefined {
  const named = process.env["SHARDCAST_TEST_MODERN_NODE"];
  const own = named ?? Bun.which("node") ?? undefined;
  if (own !== undefined && majorOf(own) >= MAJOR) return own;
  const name = `node-${process.platform}-${process.arch}`;
  const program = join(CACHE, "node_modules", name, "bin", "node");
  if (!existsSync(program)) {
    console.error(`Fetching Node ${VERSION} for the tests, once.`);
    mkdirSync(CACHE, { recursive: true });
    spawnSync("npm", ["install", "--no-save", "--prefix", CACHE, `${name}@${VERSION}`], { stdio: "ignore" });
  }
  if (existsSync(program)) return program;
  reportMissing("modern node", `install Node ${MAJOR} or newer, or name it by SHARDCAST_TEST_MODERN_NODE`);
  return undefined;
}

function majorOf(program: string): number {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(stdout ?? "")?.[1] ?? 0);
}
