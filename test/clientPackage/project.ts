import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildClientPackage, packClientPackage } from "../../scripts/clientPackage.ts";

/** A project of somebody else, outside this repository, that has installed the SDK from its archive. */
export interface Project {
  readonly directory: string;
  /** What the archive holds. */
  readonly installed: string;
  close(): void;
}

export async function createProject(): Promise<Project> {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-project-"));
  const built = join(directory, "built");
  await buildClientPackage(built);
  const archive = packClientPackage(built, directory);
  rmSync(built, { recursive: true });
  writeFileSync(join(directory, "package.json"), JSON.stringify({ name: "project", type: "module" }));
  // It depends on nothing, so that nothing has to be fetched.
  const install = ["npm", "install", "--offline", "--no-audit", "--no-fund", archive];
  const { exitCode, stderr } = Bun.spawnSync(install, { cwd: directory });
  if (exitCode !== 0) throw new Error(`the archive could not be installed: ${stderr}`);
  mkdirSync(join(directory, "source"));
  for (const file of ["ledger.mjs", "main.mjs", "typed.ts"]) {
    cpSync(join(import.meta.dir, file), join(directory, "source", file));
  }
  return {
    directory,
    installed: join(directory, "node_modules", "@shardcast", "client"),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
