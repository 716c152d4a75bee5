import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BUILD = new URL("../packages/cli/bundle/build.ts", import.meta.url).pathname;

export interface TestBundle {
  readonly directory: string;
  remove(): void;
}

/** The bundle that `npm start` and the image run, in a directory of its own. */
export async function buildBundle(): Promise<TestBundle> {
  const parent = mkdtempSync(join(tmpdir(), "shardcast-bundle-"));
  const directory = join(parent, "dist");
  const child = Bun.spawn([process.execPath, BUILD, directory], { stdout: "ignore", stderr: "pipe" });
  const [code, told] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (code !== 0) throw new Error(`the bundle could not be built:\n${told}`);
  return { directory, remove: () => rmSync(parent, { recursive: true }) };
}
